-- Take the jobs somebody must look at now, the longest overdue first; whoever takes one has it for a lease.
-- KEYS: 1 due
-- ARGV: 1 most 2 lease_us 3 now_us
-- RETURNS: {now, job_id, ...}
local due = KEYS[1]
local most, lease_us = ARGV[1], num(ARGV[2])
local now = clock(ARGV[3])
local found = redis.call('ZRANGEBYSCORE', due, '-inf', int(now), 'LIMIT', 0, most)
for _, job_id in ipairs(found) do redis.call('ZADD', due, int(now + lease_us), job_id) end
table.insert(found, 1, int(now))
return found
