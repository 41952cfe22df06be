-- A retry is paid for with credit that the lane's calls bring in: about one call in five may be one, so that a provider that
-- fails often is not called more because of it. Repeated it takes credit once more, which only makes a retry wait.
-- KEYS: 1 lane
-- ARGV: 1 price
-- RETURNS: 1 where there was credit for it, else 0
local lane = KEYS[1]
local price = num(ARGV[1])
local credit = num(redis.call('HGET', lane, 'credit') or RETRY_CREDIT)
if credit < price then return 0 end
redis.call('HSET', lane, 'credit', int(credit - price))
return 1
