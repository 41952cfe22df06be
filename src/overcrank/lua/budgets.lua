-- Put before the scripts that look into the budgets: four books in one order, the lane's window and day, then the
-- project's window and day. A book that is known to have been used and is not there, or not whole, closes the gate.
local function budgets(lane, caps, journal, books, project)
  local owner = 'project:' .. project
  local set = redis.call('HMGET', caps, 'lane/window', 'lane/day', owner .. '/window', owner .. '/day',
    'project:*/window', 'project:*/day', 'lane/urgent', 'paused:lane', 'paused:' .. owner)
  set[3], set[4] = set[3] or set[5], set[4] or set[6]
  local last = redis.call('HMGET', lane, 'epoch', 'window', 'day')
  local found = {epoch = last[1] or '1', share = num(set[7]), paused = set[8], project_paused = set[9], lost = false}
  if not last[1] then found.lost = redis.call('XLEN', journal) > 0 end
  for i = 1, 4 do
    local is = redis.call('HMGET', books[i], 'reserved', 'spent', 'cap', 'epoch', 'urgent', owner)
    if is[4] then
      found.lost = found.lost or is[4] ~= found.epoch or not (is[1] and is[2])
    else
      found.lost = found.lost or i < 3 and last[i + 1] == books[i] or i > 2 and found[i - 2].knows
    end
    local cap = set[i] and num(is[3] or set[i]) -- a cap for this window alone counts before the general one
    found[i] = {
      new = not is[4], knows = i < 3 and is[6] and true, cap = cap, most = cap and math.max(cap, num(set[i])),
      used = num(is[1]) + num(is[2]), urgent = num(is[5]),
    }
  end
  return found
end

-- The right window and day, where the caller believes in others: the server's clock and settings decide.
local function another_window(set, start, length, day, now)
  local today = now - now % 86400000000
  if set == length and now - now % length == start and today == day then return nil end
  return {'window', int(now - now % set), int(set), int(today)}
end

-- Which cap could never pay for this; waiting would not help.
local function beyond(found, quote)
  for i = 1, 4 do
    if found[i].cap and quote > found[i].most then return found[i].most, i < 3 and 'lane' or 'project' end
  end
end

-- What a project may still reserve, and which of its two budgets says so.
local function project_room(found)
  local window, day = found[3].cap and found[3].cap - found[3].used, found[4].cap and found[4].cap - found[4].used
  if day and day < (window or math.huge) then return day, 'project-day' end
  return window or math.huge, 'project-budget'
end

-- Reserve in all four books at once.
local function reserve(lane, books, found, project, amount, urgent, ttl_s)
  for i = 1, 4 do
    if found[i].new then
      redis.call('HSET', books[i], 'epoch', found.epoch, 'reserved', 0, 'spent', 0)
      redis.call('EXPIRE', books[i], ttl_s)
    end
    redis.call('HINCRBY', books[i], 'reserved', int(amount))
    if urgent and i < 3 then redis.call('HINCRBY', books[i], 'urgent', int(amount)) end
    if i < 3 and not found[i].knows then redis.call('HSET', books[i], 'project:' .. project, 1) end
  end
  redis.call('HSET', lane, 'epoch', found.epoch, 'window', books[1], 'day', books[2])
end
