-- Book what an attempt came to: absolute, versioned, idempotent. A stale or repeated report changes nothing.
-- KEYS: 1 attempt 2 slots 3 journal 4 open 5 wake 6 lane_window 7 lane_day 8 project_window 9 project_day
-- ARGV: 1 attempt_id 2 state 3 cost 4 version 5 keep 6 free 7 attempt_ttl_s 8 window_ttl_s 9 now_us
-- RETURNS: {'settled', cost, overrun} | {'stale', state, cost} | {'unknown'} | {'orphan', cost}
local attempt, slots, journal, open, wake = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local lane_window, lane_day, project_window, project_day = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local attempt_id, state, cost, version, keep, free = ARGV[1], ARGV[2], num(ARGV[3]), num(ARGV[4]), ARGV[5], ARGV[6]
local attempt_ttl_s, window_ttl_s = ARGV[7], ARGV[8]
local now = clock(ARGV[9])
local books = {lane_window, lane_day, project_window, project_day}
local report = {state = state, cost = cost, version = version, keep = keep == '1', free = free == '1'}
return book(attempt, slots, journal, open, books, wake, attempt_id, report, {attempt_s = attempt_ttl_s, window_s = window_ttl_s}, now)
