-- Let parked jobs of one project go, in order, as many as its budgets have room for; each is queued and its message unsent.
-- KEYS: 1 parked 2 parks 3 afoot 4 caps 5 lane 6 limits 7 journal 8 lane_window 9 lane_day 10 project_window
--       11 project_day 12 parked_jobs 13 unsent 14 urgent 15 normal 16 bulk 17.. job
-- ARGV: 1 project 2 start 3 length 4 day 5 now_us 6.. job_id
-- RETURNS: {'released', job_id, ...} | {'window', start, length, day}
local parked, parks, afoot, caps, lane, limits, journal = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local lane_window, lane_day, project_window, project_day = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local parked_jobs, unsent, urgent, normal, bulk = KEYS[12], KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local project, start, length, day = ARGV[1], num(ARGV[2]), num(ARGV[3]), num(ARGV[4])
local now = clock(ARGV[5])
local set = num(redis.call('HGET', limits, 'window'))
local other = set > 0 and another_window(set, start, length, day, now)
if other then return other end
local found = budgets(lane, caps, journal, {lane_window, lane_day, project_window, project_day}, project)
if found.lost then return {'released'} end
local left = project_room(found) - num(redis.call('HGET', afoot, 'sum'))
local queues = {urgent = urgent, normal = normal, bulk = bulk} -- by priority
local released = {'released'}
for i = 6, #ARGV do
  local job_id, job = ARGV[i], KEYS[i + 11]
  if redis.call('ZRANGE', parked, 0, 0)[1] ~= job_id then break end -- somebody else was here
  local is = redis.call('HMGET', job, 'state', 'amount', 'priority', 'score', 'quote')
  local amount = math.max(num(is[2]), num(is[5]))
  if is[1] == 'parked' then
    if found.project_paused or amount > left and not beyond(found, num(is[5])) then break end
    left = left - amount
    redis.call('HINCRBY', job, 'version', 1)
    redis.call('HSET', job, 'state', 'queued', 'updated', int(now))
    local queue = queues[is[3]]
    redis.call('ZADD', queue, is[4], job_id)
    redis.call('ZADD', unsent, int(now), job_id)
    redis.call('HSET', afoot, job_id, int(amount))
    redis.call('HINCRBY', afoot, 'sum', int(amount))
    redis.call('EXPIRE', afoot, 60)
    table.insert(released, job_id)
  end
  redis.call('ZREM', parked_jobs, job_id)
  redis.call('ZREM', parked, job_id)
end
if redis.call('ZCARD', parked) == 0 then redis.call('SREM', parks, project) end
return released
