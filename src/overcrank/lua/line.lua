-- Put before the gate: who stands in line before a job, and what they would take. A quote below zero is an urgent one.
local LOOK = 16 -- how many are looked at one by one: those behind are only counted
local GONE = 500 -- how many that went away one question takes out at the most
local ALONE = {count = 0, urgent = 0, owed = 0, owed_urgent = 0, first = 0} -- nobody stands before

-- What the gate says, as one string. For an array the server takes 16 KB more, and with glibc's allocator so large a piece
-- ends the reuse of what was freed last: the hundreds of small ones of a decision then come from all over the memory.
local function answer(...) return table.concat({...}, ' ') end

local function leave(holders, present, quotes, ...)
  redis.call('ZREM', holders, ...)
  redis.call('ZREM', present, ...)
  redis.call('HDEL', quotes, ...)
end

-- Who is later than it said is gone, or late: it does not hold up the rest, and asks again when it is back.
local function forget(holders, present, quotes, now)
  local gone = redis.call('ZRANGEBYSCORE', present, '-inf', int(now - 1), 'LIMIT', 0, GONE)
  if #gone > 0 then leave(holders, present, quotes, unpack(gone)) end
end

local function before(holders, present, quotes, job_id)
  local line = {count = 0, urgent = 0, owed = 0, owed_urgent = 0, first = 0}
  local rank = redis.call('ZRANK', holders, job_id)
  if rank == 0 then return line end
  local others = redis.call('ZRANGE', holders, 0, math.min(rank, LOOK) - 1)
  local there = redis.call('ZMSCORE', present, unpack(others))
  local asked = redis.call('HMGET', quotes, unpack(others))
  for i, other in ipairs(others) do
    local quote = num(asked[i])
    if not there[i] then -- what was known of it is lost; while it is alive it asks again
      leave(holders, present, quotes, other)
    elseif quote < 0 then
      line.count, line.urgent, line.owed_urgent = line.count + 1, line.urgent + 1, line.owed_urgent - quote
    else
      line.count, line.owed = line.count + 1, line.owed + quote
      if line.first == 0 then line.first = quote end
    end
  end
  line.count = line.count + math.max(0, rank - LOOK)
  return line
end

-- What one of the lane's books has left for a job, after those before it. A share of each is kept for urgent jobs;
-- where that is all there is, those who may not have it do not stand in an urgent job's way (the second answer).
local function room(book, share, line, urgent)
  local kept = math.max(0, math.floor(book.cap * share / 100) - book.urgent)
  local left = book.cap - book.used
  local common = left - math.max(kept, line.owed_urgent)
  if not urgent then return common - line.owed, false end
  if kept > 0 and line.first > common then return left - line.owed_urgent, true end
  return left - line.owed_urgent - math.max(0, math.min(line.owed, common)), false
end
