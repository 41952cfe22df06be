-- A permit to send an attempt in doubt once more, with its own key: its slot it has, and its money too, unless that was
-- reserved in a window that is over. Then the reservation comes along into the current one, or the attempt waits.
-- KEYS: 1 limits 2 lane 3 caps 4 journal 5 job 6 attempt 7 lane_window 8 lane_day 9 project_window 10 project_day
--       11 old_lane_window 12 old_lane_day 13 old_project_window 14 old_project_day
-- ARGV: 1 attempt_id 2 project 3 start 4 length 5 day 6 probe_us 7 window_ttl_s 8 now_us
-- RETURNS: {'go', now} | {'deferred', limit, retry_at, now} | {'window', start, length, day} | {'unknown'}
local limits, lane, caps, journal, job, attempt = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local lane_window, lane_day, project_window, project_day = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local old_lane_window, old_lane_day, old_project_window, old_project_day = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local attempt_id, project, start, length, day = ARGV[1], ARGV[2], num(ARGV[3]), num(ARGV[4]), num(ARGV[5])
local probe_us, window_ttl_s = num(ARGV[6]), ARGV[7]
local now = clock(ARGV[8])
local function defer(limit, at) return {'deferred', limit, int(math.max(at, now + 1000)), int(now)} end

local pace = pacing(lane, limits, now)
if not pace.set or pace.length <= 0 then return defer('no-limits', now + 2000000) end
local other = another_window(pace.length, start, length, day, now)
if other then return other end
local why, at = blocked(pace, nil, 0, now)
if why then return defer(why, at) end
local was = redis.call('HMGET', attempt, 'books', 'open', 'urgent')
local old, new = {old_lane_window, old_lane_day, old_project_window, old_project_day}, {lane_window, lane_day, project_window, project_day}
if was[1] ~= table.concat(old, ' ') then return {'unknown'} end
local amount, urgent = num(was[2]), was[3] == '1'
if was[1] ~= table.concat(new, ' ') and amount > 0 then
  local found = budgets(lane, caps, journal, new, project)
  if found.lost then return defer('books-lost', now + 2000000) end
  for i = 1, 4 do
    if found[i].cap and old[i] ~= new[i] and found[i].cap - found[i].used < amount then return defer('budget', now + 2000000) end
  end
  for i, book in ipairs(old) do
    redis.call('HINCRBY', book, 'reserved', int(-amount))
    if urgent and i < 3 then redis.call('HINCRBY', book, 'urgent', int(-amount)) end
    redis.call('EXPIRE', book, window_ttl_s)
  end
  reserve(lane, new, found, project, amount, urgent, window_ttl_s)
  local books = table.concat(new, ' ')
  redis.call('HSET', attempt, 'books', books)
  redis.call('HSET', job, 'books', books)
  redis.call('XADD', journal, '*', 'entry', 'carry', 'attempt', attempt_id, 'amount', int(amount), 'books', books, 'urgent', was[3])
end
take(lane, pace, attempt_id, probe_us, now)
return {'go', int(now)}
