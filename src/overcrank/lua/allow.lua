-- Write what is allowed: what settings say, what an operator says instead, and of the two that which counts.
-- KEYS: 1 allowed 2 journal 3 wake 4 lane
-- ARGV: 1 layer 2 entry 3 ttl_s 4 now_us 5.. name, value
-- RETURNS: how many of them count differently now; -1 where an operator's word was lost, so that nothing is written
local allowed, journal, wake, lane = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local layer, entry, ttl_s = ARGV[1], ARGV[2], ARGV[3]
local now = clock(ARGV[4])
if redis.call('XLEN', journal) == 0 then redis.call('HSETNX', lane, 'epoch', 1) end -- before the first entry no book is lost
local mark = table.concat({'overridden:', allowed})
local lost = layer == 'configured' and redis.call('HGET', lane, mark) and redis.call('EXISTS', allowed) == 0
if lost then return -1 end
if layer == 'override' then redis.call('HSET', lane, mark, 1) end
local changed = 0
for i = 5, #ARGV, 2 do
  local name, value = ARGV[i], ARGV[i + 1]
  local said, wrote = value, nil
  if layer ~= '' then
    local own, other = {layer, ':', name}, {layer == 'override' and 'configured' or 'override', ':', name}
    own, other = table.concat(own), table.concat(other)
    wrote = (redis.call('HGET', allowed, own) or '') ~= value
    if value == '' then redis.call('HDEL', allowed, own) else redis.call('HSET', allowed, own, value) end
    local beside = redis.call('HGET', allowed, other)
    if beside and (layer == 'configured' or value == '') then value = beside end -- the operator's word counts
  end
  local was = redis.call('HGET', allowed, name)
  local differs = (was or '') ~= value
  if differs then
    if value == '' then redis.call('HDEL', allowed, name) else redis.call('HSET', allowed, name, value) end
    changed = changed + 1
  end
  if differs or wrote then
    redis.call('XADD', journal, '*', 'entry', entry, 'key', allowed, 'layer', layer, 'name', name, 'said', said, 'from', was or '',
      'amount', value, 'at', int(now))
  end
end
if ttl_s ~= '' then redis.call('EXPIRE', allowed, ttl_s) end
if changed > 0 then redis.call('PUBLISH', wake, 'budget') end
return changed
