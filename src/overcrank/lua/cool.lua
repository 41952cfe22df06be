-- The provider said "too many". Of calls: the whole lane waits, and repeated answers of one flight lower the rate once.
-- Of generations at once: no rate is lowered, but there shall be no more of them than there were without this one.
-- KEYS: 1 lane 2 limits 3 slots
-- ARGV: 1 wait_us 2 admitted_us 3 kind 4 now_us
-- RETURNS: {until, ppm}
local lane, limits, slots = KEYS[1], KEYS[2], KEYS[3]
local wait_us, admitted_us, kind = num(ARGV[1]), num(ARGV[2]), ARGV[3]
local now = clock(ARGV[4])
local at = redis.call('HMGET', lane, 'tat', 'cool', 'ppm', 'ppm_at', 'cut_at', 'lowered_at')
local ppm, since = num(at[3] or 1000000), num(at[4])
local owed = math.max(0, num(at[1]) - now)
local function rate(moment) return math.min(1000000, ppm + math.floor((moment - since) / 1000000) * 20000) end
if kind == 'concurrency' then
  local others = redis.call('ZCOUNT', slots, int(now + 1), '+inf') - 1
  if others > 0 then -- else it is somebody else who has them all: only waiting helps
    if admitted_us > num(at[6]) then
      local most = pacing(lane, limits, now).most
      if most > 0 then others = math.min(others, most - 1) end
      redis.call('HSET', lane, 'ceiling', int(math.max(1, others)), 'ceiling_at', int(now), 'lowered_at', int(now))
    end
    return {int(now), int(rate(now))}
  end
elseif kind == 'rate' and admitted_us > num(at[5]) then -- one cut a flight, however many 429s it had
  local full = rate(now)
  ppm, since = math.max(100000, math.floor(full * 7 / 10)), now
  owed = math.ceil(owed * full / ppm) -- what is owed is calls, and each takes longer now
  redis.call('HSET', lane, 'ppm', int(ppm), 'ppm_at', int(now), 'cut_at', int(now))
end
local ends = math.max(num(at[2]), now + wait_us)
local spacing = math.ceil(num(redis.call('HGET', limits, 'interval')) * 1000000 / rate(ends))
-- when it ends there is one permit, then one a spacing: no burst into a provider that just complained
local tat = math.max(now + owed, ends + (pacing(lane, limits, now).steady - 1) * spacing)
redis.call('HSET', lane, 'cool', int(ends), 'tat', int(tat), 'taken_at', int(now), 'full_at', int(now)) -- no permit from before comes back
return {int(ends), int(rate(now))}
