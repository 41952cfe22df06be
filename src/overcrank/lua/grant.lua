-- Have a cap count in the current window or day of one budget alone, or raise it there; the next has the general one.
-- Its book is begun with it, so that the loss of the book is noticed and the cap is not lost with it.
-- KEYS: 1 lane 2 limits 3 caps 4 journal 5 wake 6 lane_window 7 lane_day 8 project_window 9 project_day
-- ARGV: 1 place 2 project 3 start 4 length 5 day 6 amount 7 higher 8 window_ttl_s 9 now_us
-- RETURNS: {'set', before, cap} | {'same', before, cap} | {'uncapped'} | {'lost'} | {'unset'}
--          | {'window', start, length, day}
local lane, limits, caps, journal, wake = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local lane_window, lane_day, project_window, project_day = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local place, project, start, length, day = num(ARGV[1]), ARGV[2], num(ARGV[3]), num(ARGV[4]), num(ARGV[5])
local amount, higher, window_ttl_s = ARGV[6], ARGV[7] == '1', ARGV[8]
local now = clock(ARGV[9])
local set = num(redis.call('HGET', limits, 'window'))
if set <= 0 then return {'unset'} end
local other = another_window(set, start, length, day, now)
if other then return other end
local books = {lane_window, lane_day, project_window, project_day}
local book = books[place]
local found = budgets(lane, caps, journal, books, project)
if found.lost then return {'lost'} end
local before = found[place].cap
if higher and not before then return {'uncapped'} end
local was = redis.call('HGET', book, 'cap') or ''
if was == amount or higher and num(amount) <= before then
  return {'same', before and int(before) or '', before and int(before) or ''}
end
local begun = {}
for i = place > 2 and place - 2 or place, place, 2 do
  begin(lane, books, found, project, i, window_ttl_s)
  table.insert(begun, books[i])
end
if amount == '' then redis.call('HDEL', book, 'cap') else redis.call('HSET', book, 'cap', amount) end
redis.call('XADD', journal, '*', 'entry', 'cap', 'key', book, 'layer', '', 'name', 'cap', 'said', amount, 'from', was,
  'amount', amount, 'at', int(now), 'project', place > 2 and project or '', 'books', table.concat(begun, ' '), 'epoch', found.epoch)
redis.call('PUBLISH', wake, 'budget')
local cap = budgets(lane, caps, journal, books, project)[place].cap
return {'set', before and int(before) or '', cap and int(cap) or ''}
