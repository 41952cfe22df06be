-- Put before the scripts that ask whether the lane is open. GCRA in integer microseconds: a lowered rate (ppm of the
-- full one) recovers by 2 % a second, a lowered number of generations at once by one every ten seconds.
local function pacing(lane, limits, now)
  local set = redis.call('HMGET', limits, 'interval', 'burst', 'concurrency', 'window')
  local at = redis.call('HMGET', lane, 'tat', 'cool', 'stopped', 'ppm', 'ppm_at', 'ceiling', 'ceiling_at', 'open_until', 'probe',
    'probe_until')
  local is = {interval = num(set[1]), burst = num(set[2]), most = num(set[3]), length = num(set[4]), set = set[1] and set[2] and set[3],
    cool = num(at[2]), stopped = at[3], broken = at[8], open_until = num(at[8]), probe = at[9], probe_until = num(at[10])}
  local ppm = math.min(1000000, num(at[4] or 1000000) + math.floor((now - num(at[5])) / 1000000) * 20000)
  is.spacing = math.ceil(is.interval * 1000000 / ppm)
  is.tat = math.min(math.max(num(at[1]), now), now + is.burst * is.spacing)
  if at[6] then
    local lowered = num(at[6]) + math.floor((now - num(at[7])) / 10000000)
    if is.most == 0 or lowered < is.most then is.most = lowered end
  end
  return is
end

-- Why nobody may call now who has so many before him, and until when; nil where he may.
local function blocked(is, slots, ahead, now)
  local opens = is.tat + (ahead + 1 - is.burst) * is.spacing -- when there is a permit for this one, after those ahead
  if is.stopped then return 'stopped', now + 2000000 end
  if now < is.cool then return 'cool-down', math.max(is.cool, opens) end
  if now < is.open_until then return 'breaker', math.max(is.open_until, opens) end
  if is.broken and (ahead > 0 or is.probe and now < is.probe_until) then return 'breaker', now + 500000 end -- one probe at a time
  if is.interval > 0 and opens > now then return 'rate', opens end
  if slots and is.most > 0 and redis.call('ZCOUNT', slots, int(now + 1), '+inf') + ahead >= is.most then return 'slots', now + 1000000 end
end

-- Take the permit; where the breaker is open, whoever takes it is the probe.
local function take(lane, is, attempt_id, probe_us, now)
  redis.call('HSET', lane, 'tat', int(is.tat + is.spacing))
  if is.broken then redis.call('HSET', lane, 'probe', attempt_id, 'probe_until', int(now + probe_us)) end
end
