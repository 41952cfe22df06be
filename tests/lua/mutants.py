"""Mistakes somebody might make in a script: where, what stands there, what the mistake would be, and what it would do.

`test_mutants.py` makes each of them in turn and expects the other tests to notice.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One mistake."""

    script: str
    text: str
    mistake: str
    harm: str


MUTANTS = [
    # money
    Mutant("book", "if report.version <= num(was[4]) then", "if false then", "a repeated report is booked twice"),
    Mutant("book", "if report.version <= num(was[4])", "if report.version < num(was[4])", "the same report twice"),
    Mutant("book", "report.keep and num(was[2]) or 0", "0", "a job in doubt frees its money"),
    Mutant("book", "report.keep and num(was[2]) or 0", "num(was[2])", "no reservation is ever given back"),
    Mutant("book", "report.cost - num(was[3])\n", "report.cost\n", "a correction is added, not absolute"),
    Mutant("book", "report.free and redis", "redis", "a job in doubt frees its slot"),
    Mutant("book", "report.free and redis", "false and redis", "a slot is never freed"),
    Mutant("book", "'open', int(open), 'cost'", "'cost'", "what is open is not written down"),
    Mutant("book", "if open == 0 then", "if true then", "the record of an attempt in doubt expires"),
    Mutant(
        "book",
        "'state', report.state, 'amount', int(report.cost)",
        "'state', report.state, 'amount', int(spent)",
        "the journal tells differences",
    ),
    Mutant("book", "math.max(0, report.cost - num(was[5]))", "0", "an overrun is not seen"),
    Mutant(
        "book",
        "if was[6] ~= table.concat(books, ' ') then return {'unknown'} end",
        "",
        "a report is booked in books the attempt is not in",
    ),
    Mutant("book", "redis.call('XADD', journal, '*', 'entry', 'orphan'", "local _ = ('x'", "an orphan is not told"),
    Mutant("book", "redis.call('EXPIRE', attempt, keep_for.attempt_s) -- what", "-- what", "an orphan stays for ever"),
    Mutant("book", "if report.free then redis.call('ZREM', slots, attempt_id) end", "", "an orphan keeps its slot"),
    Mutant("book", "'quote', int(report.cost), 'settled'", "'settled'", "an orphan is told to be an overrun"),
    Mutant("book", "if reserved + spent < 0 then", "if false then", "returned money wakes nobody"),
    Mutant("budgets", "used = num(is[1]) + num(is[2])", "used = num(is[2])", "room ignores what is reserved"),
    Mutant("budgets", "used = num(is[1]) + num(is[2])", "used = num(is[1])", "room ignores what is spent"),
    Mutant("line", "return common - line.owed, false", "return common, false", "room ignores those ahead"),
    Mutant("line", "common - line.owed, false", "common - line.owed - 1, false", "the last cent can not be used"),
    Mutant("line", "common - line.owed, false", "common - line.owed + 1, false", "one too much fits"),
    Mutant("line", "math.max(0, math.min(line.owed, common))", "0", "an urgent job takes the room of those ahead"),
    Mutant("line", "math.floor(book.cap * share / 100) - book.urgent", "0", "nothing is kept for urgent jobs"),
    Mutant("line", "share / 100) - book.urgent", "share / 100)", "what urgent jobs used is kept once more"),
    Mutant(
        "line", "if kept > 0 and line.first > common then", "if false then", "bulk stands in the way of the kept share"
    ),
    Mutant("budgets", "if found[i].most and quote > found[i].most then", "if false then", "waits for ever"),
    Mutant("budgets", "most = set[i] and math.max(cap, num(set[i]))", "most = cap", "a lower hour refuses"),
    Mutant("budgets", "local own = is[3] or set[i]", "local own = set[i]", "a window's own cap is ignored"),
    Mutant(
        "budgets",
        "local own = is[3] or set[i]",
        "local own = set[i] and (is[3] or set[i])",
        "only a capped span has one",
    ),
    Mutant("budgets", "now - now % length == start and", "", "the client's clock chooses the window"),
    Mutant("budgets", "today == day then", "true then", "the client's clock chooses the day"),
    Mutant("budgets", "if set == length and", "if", "a window of another length is booked in"),
    Mutant("budgets", "redis.call('HINCRBY', books[i], 'reserved', int(amount))", "", "nothing is reserved"),
    Mutant("budgets", "if not last[1] then", "if false then", "a lost lane opens"),
    Mutant("budgets", "if last[4] then", "if false then", "one lost cap opens"),
    Mutant(
        "budgets",
        "are_sums(set[1], set[7] or '0', set[2])",
        "are_sums(set[1] or '0', set[7] or '0', set[2])",
        "without any cap the parked all go",
    ),
    Mutant(
        "budgets",
        "are_sums(is[1], is[2], is[3], is[5])",
        "are_sums(is[1], is[2], '0', is[5])",
        "a window's own cap that is none counts as nothing",
    ),
    Mutant("budgets", "set[4] or set[6]", "set[4]", "a day's cap for every project is ignored"),
    Mutant("budgets", "redis.call('EXPIRE', books[i], ttl_s)", "", "a book stays for ever"),
    Mutant("budgets", "i == 1 and 'window' or 'day'", "'window'", "the lane forgets its day"),
    Mutant("budgets", "is.used + amount <= is.cap then", "true then", "what broke a cap is told to be let in"),
    Mutant("budgets", "i < 3 and last[i + 1] == books[i] or", "", "a lost book of the lane is begun anew"),
    Mutant("budgets", "or i > 2 and found[i - 2].knows", "", "a lost book of a project is begun anew"),
    Mutant("budgets", "is[4] ~= found.epoch or", "", "a book of another epoch counts"),
    Mutant("budgets", "are_sums(is[1], is[2],", "are_sums('0', is[2],", "half a book counts"),
    Mutant("budgets", "are_sums(is[1], is[2],", "are_sums(is[1], '0',", "the other half of a book counts"),
    Mutant("budgets", "is[2], is[3], is[5])", "is[2], is[3])", "an urgent sum that is none counts"),
    Mutant("admit", "if found.lost then", "if false then", "lost books admit"),
    Mutant("admit", "if found.paused then", "if false then", "a paused lane admits"),
    Mutant("admit", "if found[2].short then", "if false then", "the day has no cap"),
    Mutant("park", "if found.project_paused then return 'project-paused' end", "", "a paused project is admitted"),
    Mutant("park", "- num(promised[2])", "", "a newcomer takes the room of who was let go"),
    Mutant("park", "+ num(promised[1]) <", "<", "who was let go finds its own room taken"),
    Mutant("park", "num(head[2]) < score then", "false then", "a newcomer passes the parked"),
    Mutant("park", "not promised[1] and", "", "who was let go is parked behind the rest again"),
    Mutant("move", "if promised then", "if false then", "who is cancelled keeps its promised room"),
    Mutant("release", "amount > left and", "false and", "all parked jobs are let go at once"),
    Mutant("release", "if found.lost then return {'released'} end", "", "lost books let the parked go"),
    Mutant("release", "redis.call('EXPIRE', afoot, 60)", "", "a promise never ends"),
    Mutant("book", "redis.call('EXPIRE', key, keep_for.window_s)", "", "a settled book goes too early"),
    Mutant(
        "book",
        "if is[1] and are_sums(is[2], is[3], is[4]) then",
        "if is[1] then",
        "a book that holds no sum stops all settling",
    ),
    Mutant(
        "book", "if reserved + spent > 0 then redis.call('HINCRBY'", "if false then redis.call('HINCRBY'", "no overrun"
    ),
    Mutant("book", "if i < 3 and was[7] == '1' then", "if false then", "what urgent jobs used is never given back"),
    Mutant(
        "book", "'settle', 'verdict', 'correction'", "'settle', 'correction', 'correction'", "a verdict is the truth"
    ),
    Mutant("park", "redis.call('SADD', parks, is.project)", "", "nobody looks for the parked"),
    Mutant("release", "left = left - amount", "", "more is let go than there is room for"),
    Mutant("release", "redis.call('HINCRBY', afoot, 'sum', int(amount))", "", "room is promised twice"),
    Mutant("release", "[1] ~= job_id then break end", "[1] == nil then break end", "the parked go out of order"),
    Mutant("release", "redis.call('ZADD', unsent, int(now), job_id)", "", "a job let go has no message"),
    Mutant("resend", "reserve(lane, new, found, project, amount, urgent, window_ttl_s)", "", "nothing comes along"),
    Mutant("resend", "if left and more > 0 and left < more then", "if false then", "what comes along breaks the cap"),
    Mutant("resend", "old[i] == new[i] and held + cost or 0", "0", "a book it is in already needs room once more"),
    Mutant("resend", "if not found[1].cap then", "if false then", "without caps it is sent again"),
    Mutant("resend", "if found.lost then", "if false then", "lost books are carried into"),
    Mutant("resend", "if found.paused or found.project_paused then", "if false then", "a paused lane sends again"),
    Mutant("resend", "found.paused or found.project_paused", "found.paused", "a paused project sends again"),
    Mutant("resend", "i < 3 and room(found[i], found.share, ALONE, urgent) or", "", "bulk is carried into the share"),
    Mutant("resend", "if urgent and i < 3 then", "if false then", "the old book keeps what urgent jobs used"),
    Mutant("resend", "if said[1] and are_sums(said[2], said[3], said[4]) then", "if true then", "begun anew"),
    Mutant("resend", "held > 0 and held or num(was[4])", "held", "what was assumed is sent without money"),
    Mutant("resend", "redis.call('HINCRBY', book, 'spent', int(0 - cost))", "", "what was assumed is booked twice"),
    Mutant("resend", "and num(was[10]) < 2 then", "then", "what is known to be charged is reserved again"),
    Mutant("resend", "redis.call('PERSIST', attempt)", "", "the record of what is sent again expires"),
    Mutant("resend", "redis.call('ZADD', open, 'NX', int(now), attempt_id)", "", "the journal forgets what is open"),
    Mutant("resend", "'cost', 0, 'version', 0)", "'cost', 0)", "what is assumed once more is not booked"),
    Mutant("resend", "redis.call('XADD', journal, '*', 'entry', 'carry'", "local _ = ('x'", "the journal is not told"),
    Mutant(
        "resend",
        "redis.call('HSET', job, 'books', books, 'assumed', 0,",
        "redis.call('HSET', job, 'assumed', 0,",
        "stale",
    ),
    Mutant("resend", "or was[1] ~= table.concat(old, ' ') then", "then", "stale books are carried"),
    Mutant("resend", "is[2] ~= version or", "", "who does not know the job sends it"),
    Mutant("resend", "is[3] ~= attempt_id or", "", "an attempt before the current one is sent again"),
    Mutant("resend", "is[1] ~= 'in_doubt' or", "", "what has been accepted is sent again"),
    Mutant(
        "resend", "int(redis.call('HINCRBY', job, 'version', 1))", "int(num(version) + 1)", "a stale caller is not seen"
    ),
    Mutant("resend", "blocked(pace, lapsed and slots, 0, now)", "blocked(pace, nil, 0, now)", "it needs no slot"),
    Mutant("resend", "blocked(pace, lapsed and slots, 0, now)", "blocked(pace, slots, 0, now)", "it waits for its own"),
    Mutant("resend", "redis.call('ZADD', slots, int(now + horizon_us), attempt_id)", "", "it takes no slot"),
    Mutant("resend", "'resent', int(now)", "'resent', 0", "a complaint about it is about another call"),
    Mutant(
        "move", "if told[1] == 'unknown' then return {'stale', is[1], is[2]} end", "", "a stale verdict moves the job"
    ),
    Mutant(
        "allow", "if beside and (layer == 'configured' or value == '') then", "if false then", "a restart overrules"
    ),
    Mutant("allow", "if redis.call('XLEN', journal) == 0 then", "if true then", "a restart opens a lost lane"),
    Mutant(
        "allow", "redis.call('HSETNX', lane, 'began'", "redis.call('HSET', lane, 'began'", "a lost journal is hidden"
    ),
    Mutant("allow", "if layer ~= 'configured' then", "if layer == 'override' then", "a pause is lost with the caps"),
    Mutant("allow", "if is[2] then lost", "if false then lost", "one lost cap of an operator is not noticed"),
    Mutant("allow", "or layer ~= 'configured') then return -1", ") then return -1", "a word hides what was lost"),
    Mutant("allow", "redis.call('HSET', lane, fields, redis.call('HLEN', allowed))", "", "nobody counts the caps"),
    Mutant("allow", "if changed > 0 then redis.call('PUBLISH'", "if false then redis.call('PUBLISH'", "wakes nobody"),
    Mutant("grant", "if other then return other end", "", "a cap lands in the window before"),
    Mutant("grant", "if found.lost then return {'lost'} end", "", "a cap begins a lost book anew"),
    Mutant("grant", "if higher and not before then", "if false then", "a raise caps what had no cap"),
    Mutant("grant", "or higher and num(amount) <= before then", "then", "a raise lowers"),
    Mutant(
        "grant", "begin(lane, books, found, project, i, window_ttl_s)", "", "a lost cap for one window is not noticed"
    ),
    Mutant("grant", "redis.call('PUBLISH', wake, 'budget')", "", "a raise wakes nobody"),
    Mutant("grant", "if amount == '' then", "if false then", "a cap for one window can not be taken back"),
    Mutant("trim", "oldest[1] ~= first_entry", "false", "two let go of the same entries"),
    Mutant("trim", "if said then", "if false then", "an operator's word goes with its entry"),
    Mutant(
        "trim", "~= redis.call('HLEN', allowed) then return -1", "== -1 then return -1", "a lost word goes for good"
    ),
    Mutant("trim", "if not epoch then return -1 end", "", "words go while nobody knows them"),
    Mutant("trim", "'since', since_us", "'since', 0", "what was let go is taken for never written"),
    Mutant(
        "rebuild", "if newest ~= last_entry then return", "if false then return", "what was settled meanwhile is lost"
    ),
    Mutant("rebuild", "'cap', 'under'", "'cap'", "what was booked while a book was lost is told as wrong"),
    Mutant("rebuild", "redis.call('DEL', open)", "", "who is not open stays open"),
    Mutant("rebuild", "'cap', 'under'", "'under'", "a cap that nobody set stays"),
    Mutant("rebuild", "or string.find(fields[from], '^paused:') then", "then", "a pause that came back is not marked"),
    Mutant("rebuild", "string.find(fields[from], '^override:') or", "", "a cap that came back is not marked"),
    Mutant(
        "rebuild", "else redis.call('HDEL', lane, mark) end", "end", "a restart is refused where nobody said a word"
    ),
    Mutant(
        "rebuild",
        "redis.call('HSET', lane, table.concat({'fields:', allowed}), redis.call('HLEN', allowed))",
        "",
        "what came back is not counted",
    ),
    Mutant("rebuild", "redis.call('HSET', lane, 'epoch', epoch)", "", "the gate stays shut"),
    Mutant("rebuild", "redis.call('HSET', lane, 'window', window)", "", "the window that came back is not missed"),
    Mutant("rebuild", "redis.call('HSET', lane, 'day', day)", "", "the day that came back is not missed"),
    Mutant("rebuild", "redis.call('PERSIST', KEYS[i])", "", "an open attempt expires"),
    Mutant("rebuild", "redis.call('EXPIRE', KEYS[i], ARGV[at])", "", "a book that came back stays for ever"),
    Mutant("rebuild", "if num(ARGV[at + 3]) > now then", "if false then", "an attempt comes back without its slot"),
    # the gate
    Mutant("admit", "held[1] == worker then return answer", "false then return answer", "no replay"),
    Mutant("admit", "and held[1] == worker then", "then", "another worker is told that it may send"),
    Mutant("admit", "is[1] ~= 'queued' or is[3] ~= attempt_no", "is[1] ~= 'queued'", "an attempt of yesterday goes"),
    Mutant("admit", "if is[1] ~= 'queued' or is[3] ~= attempt_no then", "if false then", "every repetition is charged"),
    Mutant("pace", "if is.stopped then", "if false then", "a stopped lane is open"),
    Mutant("pace", "if now < is.cool then", "if false then", "a cool-down holds nobody"),
    Mutant("pace", "if now < is.cool then", "if now <= is.cool then", "a cool-down is too long"),
    Mutant("pace", "if is.interval > 0 and opens > now then", "if false then", "there is no rate"),
    Mutant("pace", "and opens > now then", "and opens >= now then", "told when to come, and sent away again"),
    Mutant(
        "pace", "math.min(math.max(num(at[1]), now), now + is.burst * is.spacing)", "num(at[1])", "a pause saves up"
    ),
    Mutant("pace", "now + is.burst * is.spacing)", "now + 1e15)", "a raised rate waits out old debt"),
    Mutant("pace", "math.ceil(is.interval * 1000000 / ppm)", "is.interval", "a lowered rate is ignored"),
    Mutant(
        "pace", "(ahead + 1 - is.steady) * is.spacing", "(1 - is.steady) * is.spacing", "all are told the same moment"
    ),
    Mutant("pace", "+ ahead >= is.most", ">= is.most", "who comes first gets the slot"),
    Mutant("pace", "+ ahead >= is.most", "+ ahead > is.most", "one slot too many"),
    Mutant("admit", "redis.call('ZADD', slots, int(now + horizon_us), attempt_id)", "", "slots are not counted"),
    Mutant("pace", "int(now + 1), '+inf')", "'-inf', '+inf')", "a lost job keeps its slot for ever"),
    Mutant("line", "redis.call('ZRANK', holders", "redis.call('ZREVRANK', holders", "the line is the wrong way round"),
    Mutant("line", "math.min(rank, LOOK) - 1", "-1", "those behind count as ahead"),
    Mutant("line", "line.count + math.max(0, rank - LOOK)", "line.count", "the seventeenth counts like the first"),
    Mutant("line", "if #gone > 0 then", "if false then", "who went away holds up the rest"),
    Mutant("line", "int(now - 1), 'LIMIT'", "int(now), 'LIMIT'", "somewhat late is too late"),
    Mutant("line", "'LIMIT', 0, GONE)", "'LIMIT', 0, 16)", "many dead holders make the living wait"),
    Mutant("line", "if not there[i] then", "if false then", "who is half lost blocks the line for ever"),
    Mutant("line", "math.max(kept, line.owed_urgent)", "kept", "bulk takes the room of urgent jobs ahead"),
    Mutant(
        "line",
        "then return left - line.owed_urgent, true",
        "then return left, true",
        "urgent passes urgent in the share",
    ),
    Mutant("admit", "math.min(at, now + patience_us)", "at", "the gate waits for an hour for who went away"),
    Mutant("admit", "at = math.max(at, now + 1000)", "", "who is told to come back at once asks without end"),
    Mutant("admit", "if not pace.set or pace.length <= 0 then", "if pace.length <= 0 then", "fails open"),
    Mutant("admit", "redis.call('ZADD', due, int(now + lease_us), job_id)", "", "nobody comes back to the job"),
    Mutant("admit", "redis.call('ZREM', queued, job_id)", "", "a job in flight is still queued"),
    Mutant("admit", "local now = clock(ARGV[17])", "local now = start", "the caller's clock decides"),
    # who may send
    Mutant("claim", "held[1] ~= worker", "false", "any worker may send"),
    Mutant("claim", "held[3] ~= 'reserved'", "false", "a permit given back is still good"),
    Mutant("claim", "is[2] ~= attempt_id", "false", "an attempt before the current one is sent"),
    Mutant("claim", "> permit_us", ">= permit_us", "a permit ages too early"),
    Mutant("claim", "if now - num(held[2]) > permit_us", "if false", "a permit never ages"),
    Mutant("claim", "or held[4] ~= current", "", "a permit is used in a window that has no room for it"),
    Mutant("claim", "{lane_window, lane_day, project_window, project_day}", "{num(held[4])}", "no permit is good"),
    Mutant("claim", "or ends_soon(start, length, day, now) then", "then", "a call is charged in the next window"),
    Mutant(
        "admit", "if ends then return defer('window-end', ends) end", "", "what can not leave any more is let through"
    ),
    Mutant("resend", "local ends = ends_soon(start, length, day, now)", "local ends", "charged in the next"),
    Mutant(
        "budgets",
        "math.min(500000, math.floor(length / 40))",
        "math.floor(length / 40)",
        "a minute of each hour is idle",
    ),
    Mutant("budgets", "math.min(500000, math.floor(length / 40))", "500000", "half of a short window is idle"),
    Mutant("claim", "if other then return other end", "", "the client's clock says that a permit is good"),
    Mutant("claim", "or set == 0", "", "without limits it is sent"),
    Mutant("admit", "if is[1] == 'parked' and is[3] == attempt_no then", "if false then", "told other things twice"),
    Mutant("claim", "redis.call('ZADD', due", "redis.call('ZADD', KEYS[5]", "nobody looks after what is being sent"),
    # jobs
    Mutant("move", "is[1] ~= old or", "", "a move from any state"),
    Mutant("move", "(version ~= '' and is[2] ~= version)", "false", "no compare, only set"),
    Mutant("move", "new == 'queued' and is[3] or int(now)", "int(now)", "who is put back goes to the end"),
    Mutant("move", "if booked ~= '' then", "if false then", "what was reserved stays reserved"),
    Mutant("move", "redis.call('ZADD', unsent, int(now), job_id) else", "else", "a job without a message is forgotten"),
    Mutant("move", "  redis.call('EXPIRE', job, ttl_s)\n", "", "an ended job stays for ever"),
    Mutant("enter", "if redis.call('EXISTS', job) == 1 then", "if false then", "a repeated message enters again"),
    Mutant("enter", "if other and other ~= job_id then", "if false then", "a unique key is not unique"),
    Mutant("move", "  redis.call('EXPIRE', unique, attempt_ttl_s)", "  ", "an ended job's key stays for ever"),
    Mutant("enter", "int(now - boost_us)", "int(now)", "there are no priorities"),
    Mutant("move", "if old == 'following' and new == 'fetched' then", "if false then", "a saving is not counted"),
    Mutant("take", "if has then", "if false then", "a share is booked twice"),
    Mutant("take", "if num(is[1]) ~= cost then", "if false then", "a stale cost is shared"),
    Mutant("take", "- num(is[2])", "", "more is shared than it cost"),
    Mutant("take", "- num(is[5])", "", "some of it is never shared"),
    Mutant("take", "math.max(num(is[3]), num(is[4]))", "num(is[3])", "the first to come pay for those to come"),
    Mutant("enter", "if redis.call('EXISTS', background) == 1 then", "if false then", "the first to come pays it all"),
    Mutant("enter", "if leads ~= leader then", "if false then", "two lead at once"),
    Mutant("enter", "asked and serves(is[1])", "asked and is[1]", "a job follows one that has no clip"),
    Mutant("enter", "rank[priority] < rank[is[2]]", "false", "an urgent job waits for a bulk one"),
    Mutant("enter", "is[4] == film then", "true then", "a job is made to follow one that makes another film"),
    Mutant("enter", "is[3] and is[3] ~= ''", "is[3]", "a job that wants a clip of its own is made to follow"),
    Mutant("enter", "is[1] == 'succeeded' and now or", "", "what is there is waited for"),
    Mutant("enter", "wants == 'named' or", "", "what is made of a clip that is there is paid for"),
    Mutant("lead", "is[2] ~= version", "false", "a follower that moved on leads"),
    Mutant("lead", "if leads ~= leader then", "if false then", "two followers lead at once"),
    Mutant("lead", "redis.call('ZADD', unsent, int(now), job_id)", "", "a follower that leads is never sent"),
    Mutant("lead", "leader ~= gone and", "true and", "a follower goes on waiting for a job that has no clip"),
    Mutant("share", "not NO_CLIP[state]", "true", "a failed job leads"),
    Mutant("enter", "if sent == '0' then", "if false then", "an unsent job is forgotten"),
    Mutant("due", "for _, job_id in ipairs(found) do", "for _, job_id in ipairs({}) do", "two take the same job"),
    Mutant("due", "'-inf', int(now)", "'-inf', '+inf'", "a job is looked at before it is due"),
    Mutant("renew", "== ARGV[2 * i - 1]", "~= ''", "a heartbeat pulls a job back that went on"),
    Mutant("renew", "'XX', 'CH'", "'CH'", "a heartbeat revives what is over"),
    Mutant("leave", "return redis.call('ZREM', holders, job_id)", "return 0", "a handed back job holds its place"),
    # the shared cool-down
    Mutant("cool", "admitted_us > num(at[5])", "true", "seven refusals of one flight are seven cuts"),
    Mutant("cool", "math.ceil(owed * full / ppm)", "owed", "a cut frees permits"),
    Mutant("cool", "kind == 'rate' and", "", "a refusal for concurrency slows the rate"),
    Mutant("cool", "math.max(100000,", "math.max(0,", "the rate falls to nothing"),
    Mutant("cool", "math.max(num(at[2]), now + wait_us)", "now + wait_us", "a later complaint shortens the wait"),
    Mutant("cool", "ends + (pacing(lane, limits, now).steady - 1) * spacing", "0", "a burst at its end"),
    Mutant("cool", "/ rate(ends))", "/ rate(now))", "a permit is idle when it ends"),
    Mutant("resend", "if why then", "if false then", "a repetition waits for nothing"),
    Mutant("resend", "take(lane, pace, attempt_id, probe_us, now)", "", "a repetition is not counted"),
    Mutant("cool", "admitted_us > num(at[6])", "true", "one flight lowers the slots again and again"),
    Mutant("cool", "math.min(others, most - 1)", "others", "the slots are never lowered"),
    Mutant("pace", "math.floor((now - num(at[7])) / 10000000)", "0", "lowered slots never come back"),
    Mutant(
        "pace",
        "if is.most == 0 or lowered < is.most then is.most = lowered end",
        "",
        "a refusal for slots is forgotten",
    ),
    # the breaker
    Mutant("heard", "bad < threshold and not at[2]", "false", "the first bad answer opens the breaker"),
    Mutant("heard", "if threshold == 0 or", "if", "a breaker that is switched off opens"),
    Mutant("heard", "pause_us * 2 ^ math.min(trips - 1, 30)", "pause_us", "the pauses do not grow"),
    Mutant("heard", "math.min(longest_us,", "math.max(0,", "the pauses grow for ever"),
    Mutant(
        "heard", "not probing and admitted_us <= num(at[4])", "false", "an answer from before the trouble closes it"
    ),
    Mutant(
        "heard", "redis.call('HDEL', lane, 'bad', 'bad_call'", "redis.call('HDEL', lane, 'bad_call'", "not in a row"
    ),
    Mutant(
        "heard", "if at[2] and not probing then return", "if false then return", "one flight opens it again and again"
    ),
    Mutant("heard", "if at[2] then redis.call('PUBLISH', wake, 'lane') end", "", "who waits for the breaker sleeps on"),
    Mutant("heard", "if not at[2] and at[6] == call then", "if false then", "one bad answer told twice is two"),
    Mutant("pace", "if now < is.open_until then", "if false then", "an open breaker lets through"),
    Mutant("pace", "is.probe and now < is.probe_until", "false", "everybody is a probe"),
    Mutant("pace", "and now < is.probe_until", "", "a dead prober blocks for ever"),
    Mutant("pace", "(ahead > 0 or", "(false or", "who comes first is the probe"),
    # what comes back, and bursts
    Mutant("move", "if old == 'admitted' and", "if", "a call that was made is not counted"),
    Mutant(
        "move", "then untake(lane, limits, booked, num(is[5]), now) end", "then local _ = 0 end", "permits are lost"
    ),
    Mutant("pace", "if is.probe == attempt_id then", "if false then", "who is not sent blocks the breaker"),
    Mutant("pace", "if is.probe == attempt_id then", "if true then", "anybody's return lets a second probe go"),
    Mutant("pace", "if not since[1] then return end", "", "a lost lane is quicker than it may be"),
    Mutant("pace", "if num(since[2]) > admitted_us or", "if", "a full bucket takes one more"),
    Mutant(
        "pace",
        "or returned >= math.max(1, math.floor(is.steady / 2)) then",
        "then",
        "more come back than there was room",
    ),
    Mutant("pace", "if num(since[1]) > admitted_us then", "if true then", "a dead worker's permits do not all return"),
    Mutant(
        "pace", "is.steady = is.interval > 0 and", "is.steady = false and", "calls that pass each other are refused"
    ),
    Mutant("pace", "return at_once and now or", "return", "a fast lane has no burst"),
    Mutant("pace", "(ahead + 1 - is.burst)", "(1 - is.burst)", "who comes first has the burst"),
    Mutant("pace", "now - is.rested <= OVERTAKING / 2 and", "", "a burst is late and meets what followed"),
    Mutant("pace", "now - num(at[1]) >= OVERTAKING and now or", "now or", "a burst is saved up while calls go on"),
    Mutant("cool", ", 'taken_at', int(now), 'full_at', int(now))", ")", "a cool-down ends with what came back"),
]
