-- A permit to send an attempt in doubt once more, with its own key. Its slot and its money it has; where the slot has
-- lapsed, or the money is in a window that is over, it takes them anew as any other would, or waits. What was booked in
-- the old window comes along as a reservation, also where it was assumed to be charged: it may be charged only now.
-- Repeated after a "go" it says "moved": no second permit is taken, and the caller has to read the job again.
-- KEYS: 1 limits 2 lane 3 caps 4 journal 5 job 6 attempt 7 slots 8 open 9 lane_window 10 lane_day 11 project_window
--       12 project_day 13 old_lane_window 14 old_lane_day 15 old_project_window 16 old_project_day
-- ARGV: 1 attempt_id 2 version 3 project 4 start 5 length 6 day 7 horizon_us 8 probe_us 9 window_ttl_s 10 now_us
-- RETURNS: {'go', now, version} | {'deferred', limit, retry_at, now} | {'window', start, length, day} | {'moved', state}
local limits, lane, caps, journal, job, attempt, slots, open = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local lane_window, lane_day, project_window, project_day = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local old_lane_window, old_lane_day, old_project_window, old_project_day = KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local attempt_id, version, project, start, length, day = ARGV[1], ARGV[2], ARGV[3], num(ARGV[4]), num(ARGV[5]), num(ARGV[6])
local horizon_us, probe_us, window_ttl_s = num(ARGV[7]), num(ARGV[8]), ARGV[9]
local now = clock(ARGV[10])
local function defer(limit) return {'deferred', limit, int(now + 2000000), int(now)} end

local pace = pacing(lane, limits, now)
if not pace.set or pace.length <= 0 then return defer('no-limits') end
local other = another_window(pace.length, start, length, day, now)
if other then return other end
local is = redis.call('HMGET', job, 'state', 'version', 'attempt')
local was = redis.call('HMGET', attempt, 'books', 'open', 'cost', 'quote', 'urgent', 'job', 'worker', 'price', 'admitted', 'version')
local old, new = {old_lane_window, old_lane_day, old_project_window, old_project_day}, {lane_window, lane_day, project_window, project_day}
local books = table.concat(new, ' ')
if is[1] ~= 'in_doubt' or is[2] ~= version or is[3] ~= attempt_id or was[1] ~= table.concat(old, ' ') then
  return {'moved', is[1] or 'unknown'}
end
local found = budgets(lane, caps, journal, new, project)
if not found[1].cap then return defer('no-limits') end -- fail closed
if found.lost then return defer('books-lost') end
if found.paused or found.project_paused then return defer('paused') end
local lapsed = num(redis.call('ZSCORE', slots, attempt_id)) <= now
local why, at = blocked(pace, lapsed and slots, 0, now)
if why then return {'deferred', why, int(math.max(at, now + 1000)), int(now)} end
local ends = ends_soon(start, length, day, now)
if ends then return {'deferred', 'window-end', int(math.max(ends, now + 1000)), int(now)} end
if was[1] ~= books and num(was[10]) < 2 then -- what it cost is not known yet
  local held, cost, urgent = num(was[2]), num(was[3]), was[5] == '1'
  local amount = held > 0 and held or num(was[4])
  for i = 1, 4 do
    local more = amount - (old[i] == new[i] and held + cost or 0)
    local left = found[i].cap and (i < 3 and room(found[i], found.share, ALONE, urgent) or found[i].cap - found[i].used)
    if left and more > 0 and left < more then return defer('budget') end
  end
  for i, book in ipairs(old) do
    local said = redis.call('HMGET', book, 'epoch', 'reserved', 'spent', 'urgent')
    if said[1] and are_sums(said[2], said[3], said[4]) then -- a lost book is rebuilt, never begun again from the middle
      redis.call('HINCRBY', book, 'reserved', int(0 - held))
      redis.call('HINCRBY', book, 'spent', int(0 - cost))
      if urgent and i < 3 then redis.call('HINCRBY', book, 'urgent', int(0 - held - cost)) end
    end
  end
  reserve(lane, new, found, project, amount, urgent, window_ttl_s)
  redis.call('HSET', attempt, 'state', 'submitting', 'books', books, 'open', int(amount), 'cost', 0, 'version', 0)
  redis.call('PERSIST', attempt)
  redis.call('ZADD', open, 'NX', int(now), attempt_id)
  redis.call('HSET', job, 'books', books, 'assumed', 0, 'cost', '')
  redis.call('XADD', journal, '*', 'entry', 'carry', 'attempt', attempt_id, 'epoch', found.epoch, 'amount', int(amount), 'books', books,
    'urgent', was[5], 'job', was[6], 'worker', was[7], 'project', project, 'price', was[8], 'quote', int(amount), 'admitted', was[9])
end
take(lane, pace, attempt_id, probe_us, now)
redis.call('ZADD', slots, int(now + horizon_us), attempt_id)
redis.call('HSET', job, 'resent', int(now))
return {'go', int(now), int(redis.call('HINCRBY', job, 'version', 1))}
