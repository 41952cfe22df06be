-- Write what is allowed: what settings say, what an operator says instead, and of the two that which counts.
-- Where a field got lost nothing is written over the rest, unless all that is there comes from the settings anyway.
-- KEYS: 1 allowed 2 journal 3 wake 4 lane
-- ARGV: 1 layer 2 entry 3 now_us 4.. name, value
-- RETURNS: how many of them count differently now; -1 where an operator's word was lost, so that nothing is written
local allowed, journal, wake, lane = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local layer, entry = ARGV[1], ARGV[2]
local now = clock(ARGV[3])
if redis.call('XLEN', journal) == 0 then -- before the first entry no book is lost
  redis.call('HSETNX', lane, 'epoch', 1)
  redis.call('HSETNX', lane, 'began', int(now)) -- where the journal begins later, its beginning is lost
end
local mark, fields = table.concat({'overridden:', allowed}), table.concat({'fields:', allowed})
local is = redis.call('HMGET', lane, mark, fields)
local lost = is[1] and redis.call('EXISTS', allowed) == 0
if is[2] then lost = num(is[2]) ~= redis.call('HLEN', allowed) end
if lost and (is[1] or layer ~= 'configured') then return -1 end
if layer ~= 'configured' then redis.call('HSET', lane, mark, 1) end
local changed = 0
for i = 4, #ARGV, 2 do
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
redis.call('HSET', lane, fields, redis.call('HLEN', allowed))
if changed > 0 then redis.call('PUBLISH', wake, 'budget') end
return changed
