-- Put before the gate: whether a job's project alone is blocked, and what becomes of the job then.
-- What was let go from among the parked and has not asked yet keeps its room: nobody takes it from under its feet.
local function project_limit(found, parked, afoot, job_id, amount, score)
  local promised = redis.call('HMGET', afoot, job_id, 'sum')
  if promised[1] then
    redis.call('HDEL', afoot, job_id)
    redis.call('HINCRBY', afoot, 'sum', int(-num(promised[1])))
  end
  if found.project_paused then return 'project-paused' end
  local left, limit = project_room(found)
  if left - num(promised[2]) + num(promised[1]) < amount then return limit end
  local head = redis.call('ZRANGE', parked, 0, 0, 'WITHSCORES')
  if head[2] and not promised[1] and num(head[2]) < score then return 'project-line' end -- in order, also where it would fit
end

local function park(job, queued, parked_jobs, parked, parks, is, now)
  redis.call('HINCRBY', job, 'version', 1)
  redis.call('HSET', job, 'state', 'parked', 'parked_for', is.limit, 'parked', int(now), 'amount', int(is.amount))
  redis.call('ZREM', queued, is.id)
  redis.call('ZADD', parked_jobs, int(now), is.id)
  redis.call('ZADD', parked, is.score, is.id)
  redis.call('SADD', parks, is.project)
end
