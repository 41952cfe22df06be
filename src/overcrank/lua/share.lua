-- Put before the scripts that let one job make a film for others.
local NO_CLIP = {failed = true, refused = true, cancelled = true, discarded = true}
local function serves(state) return state and not NO_CLIP[state] or false end -- it has a clip, or may have one yet

-- Say under a film's key who makes it: whoever looked for one, or where nobody does so far.
local function lead(key, job_id, ttl_s, looked)
  if looked then redis.call('SET', key, job_id, 'EX', ttl_s) else redis.call('SET', key, job_id, 'EX', ttl_s, 'NX') end
end
