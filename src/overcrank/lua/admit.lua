-- The gate: cool-down, breaker, rate, slots and four budgets together, all or nothing, best priority first.
-- What blocks the whole lane defers a job, which goes on asking; what blocks its project alone parks it.
-- KEYS: 1 job 2 attempt 3 limits 4 lane 5 caps 6 lane_window 7 lane_day 8 project_window 9 project_day 10 journal
--       11 holders 12 present 13 quotes 14 slots 15 due 16 open 17 counters 18 queued 19 admitted 20 parked_jobs
--       21 parked 22 parks 23 afoot
-- ARGV: 1 job_id 2 attempt_id 3 attempt_no 4 worker 5 project 6 urgent 7 quote 8 amount 9 start 10 length 11 day
--       12 horizon_us 13 lease_us 14 patience_us 15 probe_us 16 window_ttl_s 17 now_us
-- RETURNS: 'admitted now version' | 'deferred limit retry_at now' | 'parked limit' | 'moved state'
--          | 'window start length day' | 'refused cap whose'
local job, attempt, limits, lane, caps, lane_window, lane_day = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local project_window, project_day, journal, holders, present = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local quotes, slots, due, open, counters, queued, admitted = KEYS[13], KEYS[14], KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local parked_jobs, parked, parks, afoot = KEYS[20], KEYS[21], KEYS[22], KEYS[23]
local job_id, attempt_id, attempt_no, worker, project, urgent = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local quote, amount, start, length, day = num(ARGV[7]), num(ARGV[8]), num(ARGV[9]), num(ARGV[10]), num(ARGV[11])
local horizon_us, lease_us, patience_us, probe_us, window_ttl_s = num(ARGV[12]), num(ARGV[13]), num(ARGV[14]), num(ARGV[15]), ARGV[16]
local now = clock(ARGV[17])

local is = redis.call('HMGET', job, 'state', 'score', 'attempt_no', 'version', 'quote', 'parked_for')
if is[1] ~= 'queued' or is[3] ~= attempt_no then
  local held = redis.call('HMGET', attempt, 'worker', 'admitted', 'state')
  if is[1] == 'admitted' and is[3] == attempt_no and held[1] == worker then return answer('admitted', held[2], is[4]) end -- a replay
  leave(holders, present, quotes, job_id)
  if is[1] == 'parked' and is[3] == attempt_no then return answer('parked', is[6] or '') end
  return answer('moved', is[1] or 'unknown')
end
forget(holders, present, quotes, now)
local function defer(limit, at)
  at = math.max(at, now + 1000)
  redis.call('ZADD', holders, is[2], job_id)
  redis.call('HSET', quotes, job_id, int(urgent and -amount or amount))
  redis.call('ZADD', present, int(math.min(at, now + patience_us) + 300000), job_id) -- somewhat late is still there
  return answer('deferred', limit, int(at), int(now))
end

local pace = pacing(lane, limits, now)
if not pace.set or pace.length <= 0 then return defer('no-limits', now + 1000000) end -- fail closed
local other = another_window(pace.length, start, length, day, now)
if other then return answer(unpack(other)) end
local books = {lane_window, lane_day, project_window, project_day}
local found = budgets(lane, caps, journal, books, project)
if not found[1].cap then return defer('no-limits', now + 1000000) end
if found.lost then return defer('books-lost', now + 2000000) end
local cap, whose = beyond(found, quote)
if cap then
  leave(holders, present, quotes, job_id)
  return answer('refused', int(cap), whose)
end
for i = 1, 4 do amount = math.max(quote, math.min(amount, found[i].most or amount)) end
local limit = project_limit(found, parked, afoot, job_id, amount, num(is[2]))
if limit then
  leave(holders, present, quotes, job_id)
  park(job, queued, parked_jobs, parked, parks, {id = job_id, project = project, score = is[2], amount = amount, limit = limit}, now)
  return answer('parked', limit)
end

if found.paused then return defer('paused', now + 2000000) end
redis.call('ZADD', holders, is[2], job_id)
local line, bypass = before(holders, present, quotes, job_id), false
for i = 1, 2 do
  if found[i].cap then
    local left, past = room(found[i], found.share, line, urgent)
    found[i].short, bypass = left < amount, bypass or past
  end
end
local why, at = blocked(pace, slots, bypass and line.urgent or line.count, now)
if why then return defer(why, at) end
if found[1].short then return defer(found.share > 0 and not urgent and 'urgent-share' or 'budget', start + length) end
if found[2].short then return defer('day-budget', day + 86400000000) end
local ends = ends_soon(start, length, day, now)
if ends then return defer('window-end', ends) end

take(lane, pace, attempt_id, probe_us, now)
reserve(lane, books, found, project, amount, urgent, window_ttl_s)
redis.call('ZADD', slots, int(now + horizon_us), attempt_id)
redis.call('ZADD', open, int(now), attempt_id)
local reserved = {'job', job_id, 'worker', worker, 'project', project, 'price', int(quote), 'quote', int(amount), 'urgent', urgent and 1 or 0,
  'books', table.concat(books, ' '), 'admitted', int(now)}
redis.call('HSET', attempt, 'state', 'reserved', 'open', int(amount), 'cost', 0, 'version', 0, unpack(reserved))
local version = redis.call('HINCRBY', job, 'version', 1)
redis.call('HSET', job, 'state', 'admitted', 'attempt', attempt_id, 'books', table.concat(books, ' '), 'admitted', int(now),
  'amount', int(amount))
leave(holders, present, quotes, job_id)
redis.call('ZREM', queued, job_id)
redis.call('ZADD', admitted, int(now), job_id)
redis.call('ZADD', due, int(now + lease_us), job_id)
redis.call('HINCRBY', counters, 'waiting_cost', int(-num(is[5])))
redis.call('XADD', journal, '*', 'entry', 'reserve', 'attempt', attempt_id, 'epoch', found.epoch, unpack(reserved))
return answer('admitted', int(now), int(version))
