-- Put before the scripts that ask whether the lane is open. GCRA in integer microseconds: a lowered rate (ppm of the
-- full one) recovers by 2 % a second, a lowered number of generations at once by one every ten seconds.
-- A call may arrive later than one that left after it. So after a pause the whole burst may leave at once, and from then
-- on as many permits as come in OVERTAKING stay unused: the provider sees its own burst and rate, whatever the order.
local OVERTAKING = 100000 -- µs, half of it for a burst to leave in, half for calls to pass each other on their way
local function pacing(lane, limits, now)
  local set = redis.call('HMGET', limits, 'interval', 'burst', 'concurrency', 'window')
  local at = redis.call('HMGET', lane, 'tat', 'cool', 'stopped', 'ppm', 'ppm_at', 'ceiling', 'ceiling_at', 'open_until', 'probe',
    'probe_until', 'rested')
  local is = {interval = num(set[1]), burst = num(set[2]), most = num(set[3]), length = num(set[4]), set = set[1] and set[2] and set[3],
    cool = num(at[2]), stopped = at[3], broken = at[8], open_until = num(at[8]), probe = at[9], probe_until = num(at[10])}
  local ppm = math.min(1000000, num(at[4] or 1000000) + math.floor((now - num(at[5])) / 1000000) * 20000)
  is.spacing = math.ceil(is.interval * 1000000 / ppm)
  is.tat = math.min(math.max(num(at[1]), now), now + is.burst * is.spacing)
  is.rested = now - num(at[1]) >= OVERTAKING and now or num(at[11])
  is.steady = is.interval > 0 and math.max(1, is.burst + 1 - math.ceil(OVERTAKING / is.interval)) or is.burst
  if at[6] then
    local lowered = num(at[6]) + math.floor((now - num(at[7])) / 10000000)
    if is.most == 0 or lowered < is.most then is.most = lowered end
  end
  return is
end

-- When there is a permit for who has so many before him.
local function opening(is, ahead, now)
  local at_once = now - is.rested <= OVERTAKING / 2 and is.tat + (ahead + 1 - is.burst) * is.spacing <= is.rested
  return at_once and now or is.tat + (ahead + 1 - is.steady) * is.spacing
end

-- Why nobody may call now who has so many before him, and until when; nil where he may.
local function blocked(is, slots, ahead, now)
  local opens = opening(is, ahead, now)
  if is.stopped then return 'stopped', now + 2000000 end
  if now < is.cool then return 'cool-down', math.max(is.cool, opens) end
  if now < is.open_until then return 'breaker', math.max(is.open_until, opens) end
  if is.broken and (ahead > 0 or is.probe and now < is.probe_until) then return 'breaker', now + 500000 end -- one probe at a time
  if is.interval > 0 and opens > now then return 'rate', opens end
  if slots and is.most > 0 and redis.call('ZCOUNT', slots, int(now + 1), '+inf') + ahead >= is.most then return 'slots', now + 1000000 end
end

-- Take the permit; where the breaker is open, whoever takes it is the probe.
local function take(lane, is, attempt_id, probe_us, now)
  redis.call('HSET', lane, 'tat', int(is.tat + is.spacing), 'rested', int(is.rested), 'taken_at', int(now))
  if is.tat - now < math.max(1, math.floor(is.steady / 2)) * is.spacing then
    redis.call('HSET', lane, 'full_at', int(now), 'returned', 0)
  end
  if is.broken then redis.call('HSET', lane, 'probe', attempt_id, 'probe_until', int(now + probe_us)) end
end

-- Give back the permit of a call that was not made, and let another be the probe. Where no call was let through after it,
-- that is all. Else those after it would have found one permit more, and the bucket holds no more than all: so it comes
-- back only if each of them found at least as many missing as have come back since.
local function untake(lane, limits, attempt_id, admitted_us, now)
  local is = pacing(lane, limits, now)
  if is.probe == attempt_id then redis.call('HDEL', lane, 'probe', 'probe_until') end
  local since = redis.call('HMGET', lane, 'taken_at', 'full_at', 'returned', 'returned_at')
  if not since[1] then return end -- how fast it went is not known any more
  if num(since[1]) > admitted_us then
    local returned = now - num(since[4]) > 60000000 and 0 or num(since[3])
    if num(since[2]) > admitted_us or returned >= math.max(1, math.floor(is.steady / 2)) then return end
    redis.call('HSET', lane, 'returned', int(returned + 1), 'returned_at', int(now))
  end
  if is.tat > now then redis.call('HSET', lane, 'tat', int(math.max(now, is.tat - is.spacing))) end
end
