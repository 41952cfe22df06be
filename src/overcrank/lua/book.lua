-- Put before the scripts that book money. What an attempt came to is absolute, versioned and idempotent: a stale or
-- repeated report changes nothing. Answers {'settled', cost, overrun} | {'stale', state, cost} | {'unknown'}, where it is
-- booked in others by now | {'orphan', cost}, where its record is gone: the journal has it, and the books when rebuilt.
local ENTRIES = {'assumed', 'settle', 'verdict', 'correction'}
local function orphan(attempt, slots, journal, open_attempts, books, attempt_id, report, keep_for, now)
  local said = {'state', report.state, 'open', 0, 'version', int(report.version), 'books', table.concat(books, ' '), 'urgent', 0}
  redis.call('HSET', attempt, 'cost', int(report.cost), 'quote', int(report.cost), 'settled', int(now), unpack(said))
  redis.call('EXPIRE', attempt, keep_for.attempt_s) -- what is told again, or corrected, is absolute here too
  redis.call('ZREM', open_attempts, attempt_id)
  if report.free then redis.call('ZREM', slots, attempt_id) end
  redis.call('XADD', journal, '*', 'entry', 'orphan', 'attempt', attempt_id, 'amount', int(report.cost), unpack(said))
  return {'orphan', int(report.cost)}
end

local function book(attempt, slots, journal, open_attempts, books, wake, attempt_id, report, keep_for, now)
  local was = redis.call('HMGET', attempt, 'state', 'open', 'cost', 'version', 'quote', 'books', 'urgent')
  if not was[1] then return orphan(attempt, slots, journal, open_attempts, books, attempt_id, report, keep_for, now) end
  if was[6] ~= table.concat(books, ' ') then return {'unknown'} end
  if report.version <= num(was[4]) then return {'stale', was[1], was[3]} end
  local open = report.keep and num(was[2]) or 0
  local reserved, spent = open - num(was[2]), report.cost - num(was[3])
  for i, key in ipairs(books) do
    local is = redis.call('HMGET', key, 'epoch', 'reserved', 'spent', 'urgent')
    if is[1] and are_sums(is[2], is[3], is[4]) then -- a lost book is rebuilt, never begun again from the middle
      if reserved ~= 0 then redis.call('HINCRBY', key, 'reserved', int(reserved)) end
      if spent ~= 0 then redis.call('HINCRBY', key, 'spent', int(spent)) end
      if i < 3 and was[7] == '1' then redis.call('HINCRBY', key, 'urgent', int(reserved + spent)) end
      if reserved + spent > 0 then redis.call('HINCRBY', key, 'over', int(reserved + spent)) end -- not what the gate let in
      redis.call('EXPIRE', key, keep_for.window_s)
    end
  end
  redis.call('HSET', attempt, 'state', report.state, 'open', int(open), 'cost', int(report.cost),
    'version', int(report.version), 'settled', int(now))
  if open == 0 then
    redis.call('ZREM', open_attempts, attempt_id)
    redis.call('HDEL', attempt, 'body') -- what is booked is never sent again
    redis.call('EXPIRE', attempt, keep_for.attempt_s)
  end
  local freed = report.free and redis.call('ZREM', slots, attempt_id) or 0
  local overrun = math.max(0, report.cost - num(was[5]))
  local entry = report.state == 'released' and 'release' or num(was[4]) > 0 and 'correction' or ENTRIES[report.version] or 'settle'
  redis.call('XADD', journal, '*', 'entry', entry, 'attempt', attempt_id, 'state', report.state, 'amount', int(report.cost),
    'open', int(open), 'version', int(report.version), 'books', was[6], 'urgent', was[7])
  if overrun > 0 then redis.call('XADD', journal, '*', 'entry', 'overrun', 'attempt', attempt_id, 'amount', int(overrun)) end
  if reserved + spent < 0 then redis.call('PUBLISH', wake, 'budget') elseif freed == 1 then redis.call('PUBLISH', wake, 'slot') end
  return {'settled', int(report.cost), int(overrun)}
end
