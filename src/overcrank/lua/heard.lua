-- The breaker: bad answers in a row close the lane for a growing pause; then one attempt, the probe, may try.
-- A good answer opens it again, where it is the probe's or that of a call let through after the trouble began. The same
-- call's bad answer counts once.
-- KEYS: 1 lane 2 wake
-- ARGV: 1 attempt_id 2 good 3 admitted_us 4 threshold 5 pause_us 6 longest_us 7 now_us
-- RETURNS: {'closed'} | {'open', until}
local lane, wake = KEYS[1], KEYS[2]
local attempt_id, good, admitted_us = ARGV[1], ARGV[2], num(ARGV[3])
local threshold, pause_us, longest_us = num(ARGV[4]), num(ARGV[5]), num(ARGV[6])
local now = clock(ARGV[7])
local at = redis.call('HMGET', lane, 'bad', 'open_until', 'trips', 'tripped_at', 'probe', 'bad_call')
local probing = at[5] == attempt_id
if good == '1' then
  if at[2] and not probing and admitted_us <= num(at[4]) then return {'open', at[2]} end -- it left before the trouble
  redis.call('HDEL', lane, 'bad', 'bad_call', 'open_until', 'trips', 'tripped_at', 'probe', 'probe_until')
  if at[2] then redis.call('PUBLISH', wake, 'lane') end
  return {'closed'}
end
if at[2] and not probing then return {'open', at[2]} end
local call = table.concat({attempt_id, int(admitted_us)}, ' ')
if not at[2] and at[6] == call then return {'closed'} end
local bad = redis.call('HINCRBY', lane, 'bad', 1)
redis.call('HSET', lane, 'bad_call', call)
if threshold == 0 or bad < threshold and not at[2] then return {'closed'} end
local trips = redis.call('HINCRBY', lane, 'trips', 1)
local ends = now + math.min(longest_us, pause_us * 2 ^ math.min(trips - 1, 30))
redis.call('HSET', lane, 'open_until', int(ends), 'tripped_at', int(now))
redis.call('HDEL', lane, 'probe', 'probe_until')
return {'open', int(ends)}
