-- SPDX-License-Identifier: Apache-2.0
-- Who is next: lanes.  What is ready stands in the lane of its workflow, and a claim takes from the lanes of a band in turn: first
-- every owner, then every workflow of an owner, gets an equal share of it, however many executions wait behind.  So a backlog
-- delays its own workflow only, and owners with many workflows get no more than others.
--
-- Why so: order keys that are worked out when a row is inserted (virtual start times) need a counter for each workflow, which
-- all inserts of that workflow would wait for, also behind somebody's long transaction.  Here an insert only reads the lane's
-- number.  The price is that a claim finds the lanes that have something with one look into an index for each of them, at most
-- LANES_MAX at a time; where the last claim stopped the next one goes on.
--
-- task_ready holds what is ready and nothing else, task_due what becomes so by time: timers, retries, and leases that run out.
-- Each claim first moves what is due from the one to the other.  Nothing reads what is parked, held or over.
--
-- An index entry of a row that is gone stays until the next vacuum, and for as long as anybody's transaction may still see the
-- row.  So a claim notes how far it came in each lane, and for a second the next ones begin there (p_memo).  Otherwise the cost
-- of a claim would grow with what was taken since the last vacuum.
--
-- Limits: a workflow's max_concurrent_executions (in its trigger_config, else its graph_config) and the workers' setting
-- executions_per_owner say how many of its executions workers may hold at a time.  What is parked (a delay, a retry, a signal
-- to come) holds no place.  A limit is so many rows of wfworker.place; a claim locks free ones, skipping those that another
-- claim has locked, and writes into them what it took.  A place is free as soon as its execution is not held with that token
-- any more: nobody has to give it back, and one of a worker that died is free when its lease runs out.

CREATE TABLE wfworker.lane (
    id bigint PRIMARY KEY,            -- the owner's number in the upper half, the workflow's in the lower one
    workflow_id uuid NOT NULL,
    part text NOT NULL DEFAULT '',    -- of executions that need something else than most of that workflow
    owner_id uuid,                    -- as it was when the lane was made
    most integer,                     -- max_concurrent_executions; null: no limit
    needs text[],                     -- node types, once a worker came that did not have them all; null: any worker will do
    stamp text,                       -- of the workflow's row that most and needs are about
    UNIQUE (workflow_id, part)
);
CREATE INDEX lane_owner ON wfworker.lane (owner_id);

CREATE TABLE wfworker.place (
    of "char" NOT NULL,               -- w: a workflow's, o: an owner's
    id uuid NOT NULL,
    n integer NOT NULL,               -- 1 .. the limit
    execution_id uuid,                -- who had it last: it is free when that one is not held with this token
    token bigint,
    PRIMARY KEY (of, id, n)
) WITH (fillfactor = 50);

-- ready: it stands in its lane; due_at is since when.  Else it is held, or waits until due_at.
ALTER TABLE wfworker.task ADD COLUMN lane bigint, ADD COLUMN ready boolean NOT NULL DEFAULT false;
DROP INDEX wfworker.task_ready;
CREATE INDEX task_ready ON wfworker.task (priority, lane, due_at) WHERE ready;
CREATE INDEX task_due ON wfworker.task (due_at) WHERE NOT ready AND due_at < 'infinity';

-- ---- Lanes ----

-- The limit that a workflow gives itself, or null.  Never fails.
CREATE FUNCTION wfworker.limit_of(p_trigger text, p_graph text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_limit text;
BEGIN
    IF strpos(coalesce(p_trigger, '') || coalesce(p_graph, ''), '"max_concurrent_executions"') = 0 THEN
        RETURN NULL;
    END IF;
    v_limit := coalesce(p_trigger::json ->> 'max_concurrent_executions', p_graph::json ->> 'max_concurrent_executions');
    RETURN CASE WHEN v_limit ~ '^[1-9][0-9]{0,8}$' THEN least(v_limit::integer, 10000) END;
EXCEPTION WHEN others THEN
    RETURN NULL;
END
$$;

-- 32 bits of an id; its last ones, which differ also where ids are made by counting.
CREATE FUNCTION wfworker.bits(p_id uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || right(p_id::text, 8))::bit(32)::bigint
$$;

-- A number below 2^30 that no other owner has, so that the next owner's first lane is a bigint, too: his bits, or the next one that
-- is free.  Null is an owner, too.
CREATE FUNCTION wfworker.owner_number(p_owner uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint := (SELECT l.id >> 32 FROM wfworker.lane l WHERE l.owner_id = p_owner LIMIT 1);
BEGIN
    IF v_id IS NULL THEN
        v_id := coalesce(wfworker.bits(p_owner), 0) & 1073741823;
        WHILE EXISTS (SELECT FROM wfworker.lane l WHERE l.id >= v_id << 32 AND l.id < (v_id + 1) << 32
                         AND l.owner_id IS DISTINCT FROM p_owner) LOOP
            v_id := (v_id + 1) & 1073741823;
        END LOOP;
    END IF;
    RETURN v_id;
END
$$;

-- The lane of a workflow, made if need be.  Two that make the same one agree on it.
CREATE FUNCTION wfworker.lane_of(p_workflow uuid, p_part text DEFAULT '', p_needs text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint;
    v_owner uuid;
    v_first bigint;
BEGIN
    LOOP
        SELECT l.id INTO v_id FROM wfworker.lane l WHERE l.workflow_id = p_workflow AND l.part = p_part;
        EXIT WHEN FOUND;
        SELECT w.owner_id INTO v_owner FROM workflow w WHERE w.id = p_workflow;
        v_first := wfworker.owner_number(v_owner) << 32;
        v_id := v_first + wfworker.bits(p_workflow);
        WHILE EXISTS (SELECT FROM wfworker.lane l WHERE l.id = v_id) LOOP
            v_id := v_first + ((v_id - v_first + 1) & 4294967295);
        END LOOP;
        INSERT INTO wfworker.lane (id, workflow_id, part, owner_id, needs) VALUES (v_id, p_workflow, p_part, v_owner, p_needs)
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN v_id;
END
$$;

-- The workflow was changed since its lane was written: its limit as it is now.  Who comes second does not wait to note it.
CREATE FUNCTION wfworker.refresh_lane(p_workflow uuid, OUT o_most integer) LANGUAGE plpgsql AS $$
DECLARE
    v_stamp text;
BEGIN
    SELECT wfworker.limit_of(w.trigger_config::text, w.graph_config::text), w.xmin::text || w.ctid::text INTO o_most, v_stamp
      FROM workflow w WHERE w.id = p_workflow;
    PERFORM FROM wfworker.lane l WHERE l.workflow_id = p_workflow AND l.part = '' FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE wfworker.lane l SET most = o_most, stamp = v_stamp, needs = NULL WHERE l.workflow_id = p_workflow AND l.part = '';
    END IF;
END
$$;

-- ---- What is due becomes ready ----

-- 500 at a time, what was due first first, whatever its band: more than a claim takes, so that a backlog of timers does not keep
-- others out of their lanes for long.  Returns how many there were.
CREATE FUNCTION wfworker.promote(p_floor timestamptz, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint;
    v_lost uuid[];
    v_workflow uuid;
BEGIN
    WITH due AS MATERIALIZED (
        SELECT t.execution_id, t.lane FROM wfworker.task t
         WHERE NOT t.ready AND t.due_at < 'infinity' AND t.due_at >= p_floor AND t.due_at <= p_now
         ORDER BY t.due_at LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED
    ), placed AS MATERIALIZED (
        SELECT d.execution_id,
               coalesce(d.lane, (SELECT (SELECT l.id FROM wfworker.lane l WHERE l.workflow_id = x.workflow_id AND l.part = '')
                                   FROM workflowexecution x WHERE x.id = d.execution_id)) AS lane
          FROM due d
    ), moved AS (
        UPDATE wfworker.task t SET lane = p.lane, ready = p.lane IS NOT NULL
          FROM placed p WHERE t.execution_id = ANY (ARRAY[p.execution_id])
        RETURNING t.execution_id, t.ready
    )
    SELECT count(*), array_agg(m.execution_id) FILTER (WHERE NOT m.ready) INTO v_count, v_lost FROM moved m;
    IF v_lost IS NOT NULL THEN -- the first of their workflows, or rows that vanished
        FOR v_workflow IN SELECT DISTINCT x.workflow_id FROM workflowexecution x WHERE x.id = ANY (v_lost) ORDER BY 1 LOOP
            PERFORM wfworker.lane_of(v_workflow); -- sorted: two workers that make the same ones wait in the same order
        END LOOP;
        UPDATE wfworker.task t
           SET lane = coalesce((SELECT wfworker.lane_of(x.workflow_id) FROM workflowexecution x WHERE x.id = t.execution_id), 0),
               ready = true
         WHERE t.execution_id = ANY (v_lost);
    END IF;
    RETURN v_count;
END
$$;

-- ---- Which lanes have something ----

-- The first lane from p_from to p_to.  Those of p_known are taken to be there: what is left of them in the index is not read.
CREATE FUNCTION wfworker.next_lane(p_band smallint, p_from bigint, p_to bigint, p_known bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_known bigint := (SELECT min(k) FROM unnest(p_known) k WHERE k BETWEEN p_from AND p_to);
    v_lane bigint;
BEGIN
    SELECT t.lane INTO v_lane FROM wfworker.task t
     WHERE t.ready AND t.priority = p_band AND t.lane >= p_from AND t.lane < coalesce(v_known, p_to + 1)
     ORDER BY t.priority, t.lane LIMIT 1;
    RETURN coalesce(v_lane, v_known);
END
$$;

-- Up to p_max lanes of a band: every owner's, beginning behind p_after, then, if there is room, more of each owner's, beginning
-- somewhere that changes with p_turn.  o_last: where the next call begins; o_all: there are no more.
CREATE FUNCTION wfworker.lanes(p_band smallint, p_after bigint, p_turn bigint, p_max integer, p_known bigint[],
                               OUT o_lanes bigint[], OUT o_last bigint, OUT o_all boolean) LANGUAGE plpgsql AS $$
DECLARE
    k_half constant bigint := 4294967296;
    k_end constant bigint := 9223372036854775806;
    v_start bigint := (p_turn * 2654435769) & (k_half - 1);
    v_owners bigint[] := '{}';
    v_at bigint := (p_after / k_half + 1) * k_half;
    v_end bigint := k_end;
    v_lane bigint;
    v_owner bigint;
    v_most integer;
    v_first bigint;
BEGIN
    o_lanes := '{}';
    o_last := p_after;
    o_all := true;
    LOOP -- owners, round once
        v_lane := wfworker.next_lane(p_band, v_at, v_end, p_known);
        IF v_lane IS NULL THEN
            EXIT WHEN v_end <> k_end;
            v_at := 0;
            v_end := (p_after / k_half + 1) * k_half - 1;
            CONTINUE;
        END IF;
        IF cardinality(v_owners) = p_max THEN
            o_all := false;
            EXIT;
        END IF;
        v_owners := v_owners || (v_lane / k_half);
        v_at := (v_lane / k_half + 1) * k_half;
        EXIT WHEN v_at > v_end AND v_end <> k_end;
    END LOOP;
    IF cardinality(v_owners) = 0 THEN
        RETURN;
    END IF;
    o_last := v_owners[CASE WHEN o_all THEN 1 ELSE cardinality(v_owners) END] * k_half;
    v_most := (p_max + cardinality(v_owners) - 1) / cardinality(v_owners);
    FOREACH v_owner IN ARRAY v_owners LOOP
        v_at := v_owner * k_half + v_start;
        v_end := v_owner * k_half + k_half - 1;
        v_first := NULL;
        FOR i IN 1 .. v_most + 1 LOOP
            v_lane := wfworker.next_lane(p_band, v_at, v_end, p_known);
            IF v_lane IS NULL AND v_end % k_half = k_half - 1 AND v_start > 0 THEN -- round once
                v_end := v_owner * k_half + v_start - 1;
                v_lane := wfworker.next_lane(p_band, v_owner * k_half, v_end, p_known);
            END IF;
            EXIT WHEN v_lane IS NULL;
            IF i > v_most THEN
                o_all := false;
                EXIT;
            END IF;
            o_lanes := o_lanes || v_lane;
            v_at := v_lane + 1;
            EXIT WHEN v_at > v_end AND (v_end % k_half <> k_half - 1 OR v_start = 0);
        END LOOP;
    END LOOP;
END
$$;

-- ---- Places under a limit ----

-- After the limit was lowered: what is above it goes when it is free.  Returns how many places there are below p_limit, when what is
-- held above it counts, too; what others have locked counts as held.
CREATE FUNCTION wfworker.places_left(p_of "char", p_id uuid, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_mine integer[] := ARRAY(SELECT p.n FROM wfworker.place p WHERE p.of = p_of AND p.id = p_id FOR NO KEY UPDATE SKIP LOCKED);
    v_free integer[] := ARRAY(SELECT p.n FROM wfworker.place p WHERE p.of = p_of AND p.id = p_id AND p.n = ANY (v_mine)
                                 AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = p.execution_id AND t.token = p.token
                                                  AND t.worker IS NOT NULL AND NOT t.ready AND t.due_at > clock_timestamp()));
    v_all bigint := (SELECT count(*) FROM wfworker.place p WHERE p.of = p_of AND p.id = p_id);
BEGIN
    DELETE FROM wfworker.place p WHERE p.of = p_of AND p.id = p_id AND p.n > p_limit AND p.n = ANY (v_free);
    RETURN p_limit - (v_all - cardinality(v_free));
END
$$;

-- Free ones, locked until the end of the transaction, at most p_max; no others are locked.
CREATE FUNCTION wfworker.free_places(p_of "char", p_id uuid, p_limit integer, p_max integer) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    k_rounds_max constant integer := 5;
    v_most integer := p_max;
    v_mine integer[];
    v_free integer[] := '{}';
BEGIN
    IF v_most <= 0 THEN
        RETURN '{}';
    END IF;
    IF NOT EXISTS (SELECT FROM wfworker.place p WHERE p.of = p_of AND p.id = p_id AND p.n = p_limit) THEN
        IF NOT pg_try_advisory_xact_lock(779033755, hashtext(p_id::text)) THEN
            RETURN '{}'; -- another claim makes them just now
        END IF;
        INSERT INTO wfworker.place (of, id, n) SELECT p_of, p_id, n FROM generate_series(1, p_limit) n
        ON CONFLICT DO NOTHING;
    END IF;
    IF EXISTS (SELECT FROM wfworker.place p WHERE p.of = p_of AND p.id = p_id AND p.n > p_limit) THEN
        v_most := least(v_most, wfworker.places_left(p_of, p_id, p_limit));
    END IF;
    FOR v_round IN 1 .. k_rounds_max LOOP
        EXIT WHEN cardinality(v_free) >= v_most;
        v_mine := ARRAY(SELECT p.n FROM wfworker.place p
                         WHERE p.of = p_of AND p.id = p_id AND p.n <= p_limit AND p.n <> ALL (v_free)
                           AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = p.execution_id AND t.token = p.token
                                            AND t.worker IS NOT NULL AND NOT t.ready AND t.due_at > clock_timestamp())
                         ORDER BY p.n LIMIT v_most - cardinality(v_free) FOR NO KEY UPDATE SKIP LOCKED);
        EXIT WHEN cardinality(v_mine) = 0;
        -- Now that they are locked, what stands in them and the leases are looked at as they are: another claim may have filled them
        -- between the look and the lock.
        v_free := v_free || ARRAY(SELECT p.n FROM wfworker.place p WHERE p.of = p_of AND p.id = p_id AND p.n = ANY (v_mine)
                                     AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = p.execution_id AND t.token = p.token
                                                        AND t.worker IS NOT NULL AND NOT t.ready AND t.due_at > clock_timestamp())
                                   ORDER BY p.n);
    END LOOP;
    RETURN v_free;
END
$$;

CREATE FUNCTION wfworker.fill_places(p_of "char", p_id uuid, p_places integer[], p_ids uuid[], p_tokens bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wfworker.place p SET execution_id = f.execution_id, token = f.token
      FROM unnest(p_places, p_ids, p_tokens) f (n, execution_id, token)
     WHERE p.of = p_of AND p.id = p_id AND p.n = ANY (ARRAY[f.n]) AND f.execution_id IS NOT NULL;
END
$$;

-- ---- Taking ----

-- A number for a lease that no other one has.  What the sequence counts is not enough: a standby that did not get the last of the
-- log (asynchronous replication) would count some numbers again, and two workers could hold the same one.  Hence 20 bits by chance.
CREATE FUNCTION wfworker.new_token() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT nextval('wfworker.token') * 1048576 + floor(random() * 1048576)::bigint
$$;

-- From each of p_lanes at most p_caps, altogether p_limit, best placed first.
CREATE FUNCTION wfworker.take_from(p_worker bigint, p_lease_ms bigint, p_band smallint, p_lanes bigint[], p_caps integer[],
                                   p_floors timestamptz[], p_limit integer, p_now timestamptz,
                                   OUT o_ids uuid[], OUT o_tokens bigint[], OUT o_due timestamptz[], OUT o_lanes bigint[])
LANGUAGE plpgsql AS $$
BEGIN
    WITH ready AS MATERIALIZED (
        SELECT r.execution_id, r.due_at, r.lane, row_number() OVER () AS n FROM (
            SELECT q.execution_id, q.due_at, l.lane FROM unnest(p_lanes, p_caps, p_floors) l (lane, cap, floor)
             CROSS JOIN LATERAL (SELECT t.execution_id, t.due_at FROM wfworker.task t
                                  WHERE t.ready AND t.priority = p_band AND t.lane = l.lane AND t.due_at >= l.floor
                                    AND t.due_at <= p_now
                                  ORDER BY t.due_at LIMIT l.cap FOR NO KEY UPDATE SKIP LOCKED) q
             LIMIT p_limit) r
    ), taken AS (
        UPDATE wfworker.task t
           SET due_at = p_now + p_lease_ms * interval '1 ms', token = wfworker.new_token(), worker = p_worker,
               crashes = t.crashes + CASE WHEN t.worker IS NULL THEN 0 ELSE 1 END, poked = false, ready = false
          FROM ready WHERE t.execution_id = ANY (ARRAY[ready.execution_id])
        RETURNING t.execution_id, t.token, ready.due_at, ready.lane, ready.n
    )
    SELECT coalesce(array_agg(k.execution_id), '{}'), coalesce(array_agg(k.token), '{}'), coalesce(array_agg(k.due_at), '{}'),
           coalesce(array_agg(k.lane), '{}')
      INTO o_ids, o_tokens, o_due, o_lanes FROM (SELECT * FROM taken ORDER BY taken.n) k;
END
$$;

-- May this worker take what needs these node types?  What no living worker can do anyone takes, so that it fails.
CREATE FUNCTION wfworker.may_take(p_worker bigint, p_needs text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT coalesce(bool_or(w.id = p_worker AND p_needs <@ w.node_types), false)
                OR NOT coalesce(bool_or(p_needs <@ w.node_types), false)
              FROM wfworker.worker w WHERE w.seen_at > now() - interval '2 minutes' AND NOT w.stopping);
END
$$;

-- One lane under a limit: as many as it has places for.  o_full: more would have been wanted.
CREATE FUNCTION wfworker.take_limited(p_worker bigint, p_lease_ms bigint, p_band smallint, p_lane bigint, p_cap integer,
                                      p_floor timestamptz, p_now timestamptz, p_workflow uuid, p_most integer, p_owner uuid, p_per_owner integer,
                                      OUT o_ids uuid[], OUT o_tokens bigint[], OUT o_due timestamptz[], OUT o_lanes bigint[],
                                      OUT o_full boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_own integer[];
    v_owners integer[];
    v_cap integer := p_cap;
BEGIN
    IF p_most IS NOT NULL THEN
        v_own := wfworker.free_places('w', p_workflow, p_most, v_cap);
        v_cap := cardinality(v_own);
    END IF;
    IF p_per_owner IS NOT NULL AND p_owner IS NOT NULL THEN
        v_owners := wfworker.free_places('o', p_owner, p_per_owner, v_cap);
        v_cap := cardinality(v_owners);
    END IF;
    o_full := v_cap < p_cap;
    SELECT t.o_ids, t.o_tokens, t.o_due, t.o_lanes INTO o_ids, o_tokens, o_due, o_lanes
      FROM wfworker.take_from(p_worker, p_lease_ms, p_band, ARRAY[p_lane], ARRAY[v_cap], ARRAY[p_floor], v_cap, p_now) t;
    IF cardinality(o_ids) > 0 THEN
        IF p_most IS NOT NULL THEN
            PERFORM wfworker.fill_places('w', p_workflow, v_own, o_ids, o_tokens);
        END IF;
        IF v_owners IS NOT NULL THEN
            PERFORM wfworker.fill_places('o', p_owner, v_owners, o_ids, o_tokens);
        END IF;
    END IF;
END
$$;

-- The memo's notes with what was taken: how far lanes were read.  Of lanes that have more (p_more) the rest comes behind that;
-- in others something may still come that began two seconds ago.  At most 64 are kept, the newest first.
CREATE FUNCTION wfworker.noted(p_notes bigint[], p_band smallint, p_lanes bigint[], p_due timestamptz[], p_more bigint[])
RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_notes bigint[] := '{}';
    v_seen bigint[] := '{}';
    v_lane bigint;
BEGIN
    FOR n IN REVERSE cardinality(p_lanes) .. 1 LOOP -- what was taken of a lane is in order: its last one first
        v_lane := p_lanes[n];
        CONTINUE WHEN v_lane = ANY (v_seen);
        v_seen := v_seen || v_lane;
        v_notes := v_notes || ARRAY[p_band, v_lane, (extract(epoch FROM p_due[n]) * 1000000)::bigint
                                                    - CASE WHEN v_lane = ANY (p_more) THEN 0 ELSE 2000000 END];
    END LOOP;
    FOR n IN 0 .. cardinality(p_notes) / 3 - 1 LOOP
        IF p_notes[3 * n + 1] <> p_band OR p_notes[3 * n + 2] <> ALL (v_seen) THEN
            v_notes := v_notes || p_notes[3 * n + 1 : 3 * n + 3];
        END IF;
    END LOOP;
    RETURN v_notes[1 : 192];
END
$$;

-- From a band that has more than one lane, or whose lane may be under a limit, from its lanes in turn.  p_cursor, p_turn, p_notes:
-- of the memo.
CREATE FUNCTION wfworker.take_in_turn(p_worker bigint, p_limit integer, p_lease_ms bigint, p_most integer, p_band smallint, p_now timestamptz,
                                      p_cursor bigint, p_turn bigint, p_notes bigint[],
                                      OUT o_ids uuid[], OUT o_due timestamptz[], OUT o_flags integer, OUT o_cursor bigint, OUT o_notes bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    k_lanes_max constant integer := 64;
    k_rounds_max constant integer := 5;
    v_left integer := p_limit;
    v_all boolean;
    v_lanes bigint[];
    v_free bigint[];
    v_caps integer[];
    v_floors timestamptz[];
    v_more bigint[];
    v_from bigint[];                  -- what was taken: of which lanes, ready since when
    v_far timestamptz[];
    r record;
    x record;
BEGIN
    o_ids := '{}';
    o_due := '{}';
    o_flags := 0;
    o_cursor := p_cursor;
    o_notes := p_notes;
    FOR v_round IN 1 .. k_rounds_max LOOP
        SELECT l.o_lanes, l.o_last, l.o_all INTO v_lanes, o_cursor, v_all
          FROM wfworker.lanes(p_band, o_cursor, p_turn * k_rounds_max + v_round, least(v_left, k_lanes_max),
                              ARRAY(SELECT o_notes[n + 1] FROM generate_series(1, cardinality(o_notes), 3) n
                                     WHERE o_notes[n] = p_band)) l;
        WHILE v_left > 0 AND cardinality(v_lanes) > 0 LOOP
            v_free := '{}';
            v_caps := '{}';
            v_floors := '{}';
            v_more := '{}';
            v_from := '{}';
            v_far := '{}';
            FOR r IN SELECT u.lane, k.workflow_id, k.part, k.owner_id, k.needs, m.most,
                            m.stamp IS DISTINCT FROM w.xmin::text || w.ctid::text AS stale,
                            ceil(v_left::numeric / count(*) OVER (PARTITION BY u.lane >> 32)
                                 / (SELECT count(DISTINCT o >> 32) FROM unnest(v_lanes) o))::integer AS cap,
                            coalesce((SELECT 'epoch'::timestamptz + o_notes[n + 2] * interval '1 microsecond'
                                        FROM generate_series(1, cardinality(o_notes), 3) n
                                       WHERE o_notes[n] = p_band AND o_notes[n + 1] = u.lane), '-infinity') AS floor
                       FROM unnest(v_lanes) WITH ORDINALITY u (lane, n)
                       LEFT JOIN wfworker.lane k ON k.id = ANY (ARRAY[u.lane])
                       LEFT JOIN wfworker.lane m ON m.workflow_id = ANY (ARRAY[k.workflow_id]) AND m.part = ''
                       LEFT JOIN workflow w ON w.id = ANY (ARRAY[k.workflow_id])
                      ORDER BY u.n LOOP
                IF r.stale AND r.workflow_id IS NOT NULL THEN
                    SELECT l.o_most INTO r.most FROM wfworker.refresh_lane(r.workflow_id) l;
                    r.needs := CASE WHEN r.part <> '' THEN r.needs END;
                END IF;
                CONTINUE WHEN r.needs IS NOT NULL AND NOT wfworker.may_take(p_worker, r.needs);
                IF r.most IS NULL AND p_most IS NULL THEN
                    v_free := v_free || r.lane;
                    v_caps := v_caps || r.cap;
                    v_floors := v_floors || r.floor;
                    CONTINUE;
                END IF;
                CONTINUE WHEN v_left <= 0;
                SELECT * INTO x FROM wfworker.take_limited(p_worker, p_lease_ms, p_band, r.lane, least(r.cap, v_left), r.floor, p_now,
                                                           r.workflow_id, r.most, r.owner_id, p_most);
                o_ids := o_ids || x.o_ids;
                o_due := o_due || x.o_due;
                v_left := v_left - cardinality(x.o_ids);
                v_from := v_from || x.o_lanes;
                v_far := v_far || x.o_due;
                IF x.o_full THEN
                    o_flags := o_flags | 1;
                ELSIF cardinality(x.o_ids) >= r.cap THEN
                    v_more := v_more || r.lane;
                END IF;
            END LOOP;
            IF cardinality(v_free) > 0 AND v_left > 0 THEN
                SELECT * INTO x FROM wfworker.take_from(p_worker, p_lease_ms, p_band, v_free, v_caps, v_floors, v_left, p_now);
                o_ids := o_ids || x.o_ids;
                o_due := o_due || x.o_due;
                v_left := v_left - cardinality(x.o_ids);
                v_from := v_from || x.o_lanes;
                v_far := v_far || x.o_due;
                v_more := v_more || ARRAY(SELECT f.lane FROM unnest(v_free, v_caps) f (lane, cap)
                                           WHERE cardinality(array_positions(x.o_lanes, f.lane)) >= f.cap);
            END IF;
            IF cardinality(v_from) > 0 THEN
                o_notes := wfworker.noted(o_notes, p_band, v_from, v_far, v_more);
            END IF;
            v_lanes := v_more;
        END LOOP;
        EXIT WHEN v_left <= 0 OR v_all;
    END LOOP;
    IF NOT v_all AND v_left > 0 THEN
        o_flags := o_flags | 2;
    END IF;
END
$$;

-- What lies below band p_below, from all bands and lanes, see wfworker.take().
CREATE FUNCTION wfworker.take_rest(p_worker bigint, p_limit integer, p_lease_ms bigint, p_per_owner integer, p_below smallint,
                                   p_now timestamptz, p_memo bigint[],
                                   OUT o_ids uuid[], OUT o_due timestamptz[], OUT o_flags integer, OUT o_memo bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    v_notes bigint[] := p_memo[5 :];
    v_cursor bigint := p_memo[1];
    v_left integer := p_limit;
    v_band smallint := p_below;
    v_noted smallint;                 -- the best band below v_band that the notes know, or -1
    t record;                         -- what one band gave
BEGIN
    o_ids := '{}';
    o_due := '{}';
    o_flags := 0;
    LOOP
        SELECT coalesce(max(v_notes[n]), -1) INTO v_noted FROM generate_series(1, cardinality(v_notes), 3) n WHERE v_notes[n] < v_band;
        v_band := coalesce((SELECT x.priority FROM wfworker.task x WHERE x.ready AND x.priority > v_noted AND x.priority < v_band
                             ORDER BY x.priority DESC LIMIT 1), v_noted);
        EXIT WHEN v_band < 0;
        t := wfworker.take_in_turn(p_worker, v_left, p_lease_ms, nullif(p_per_owner, 0), v_band, p_now, v_cursor, p_memo[2], v_notes);
        o_ids := o_ids || t.o_ids;
        o_due := o_due || t.o_due;
        o_flags := o_flags | t.o_flags;
        v_cursor := t.o_cursor;
        v_notes := t.o_notes;
        v_left := v_left - cardinality(t.o_ids);
        EXIT WHEN v_left <= 0 OR v_band = 0;
    END LOOP;
    o_memo := ARRAY[v_cursor] || p_memo[2 : 4] || v_notes;
END
$$;

-- The memo of a call at p_now: what the last one returned, without its notes if they are too old to count.
CREATE FUNCTION wfworker.memo(p_memo text, p_now timestamptz) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN extract(epoch FROM p_now) * 1000000 - (p_memo::bigint[])[3] BETWEEN 0 AND 1000000 THEN p_memo::bigint[]
           ELSE ARRAY[coalesce((p_memo::bigint[])[1], 0), coalesce((p_memo::bigint[])[2], 0),
                      (extract(epoch FROM p_now) * 1000000)::bigint, 0] END
$$;

-- All from one lane, if it has no limit and is the only one of the best band: o_done; else nothing happens.  Nothing is below it
-- unless o_below.  p_notes: of the memo, either about this lane, and nothing is above it; or empty, and nothing is below it.
-- (An index is read from a pair of values upwards with >, and downwards with <; the other way round it would be read whole.)
CREATE FUNCTION wfworker.take_lane(p_worker bigint, p_limit integer, p_lease_ms bigint, p_band smallint, p_lane bigint, p_now timestamptz,
                                   p_notes bigint[],
                                   OUT o_ids uuid[], OUT o_due timestamptz[], OUT o_begun boolean, OUT o_done boolean, OUT o_below boolean,
                                   OUT o_notes bigint[])
LANGUAGE plpgsql AS $$
BEGIN
    WITH others AS MATERIALIZED (
        SELECT (SELECT x.priority FROM wfworker.task x
                 WHERE p_notes <> '{}' AND x.ready AND (x.priority, x.lane) < (p_band, p_lane)
                 ORDER BY x.priority DESC, x.lane DESC LIMIT 1) AS below,
               (SELECT x.priority FROM wfworker.task x
                 WHERE p_notes = '{}' AND x.ready AND (x.priority, x.lane) > (p_band, p_lane)
                 ORDER BY x.priority, x.lane LIMIT 1) AS above
    ), look AS MATERIALIZED (
        SELECT o.below IS NOT NULL AS below, o.above IS NULL AND o.below IS DISTINCT FROM p_band
               AND EXISTS (SELECT FROM wfworker.lane k JOIN workflow w ON w.id = k.workflow_id
                            WHERE k.id = p_lane AND k.part = '' AND k.most IS NULL AND k.needs IS NULL
                              AND k.stamp = w.xmin::text || w.ctid::text) AS done
          FROM others o
    ), ready AS MATERIALIZED (
        SELECT t.execution_id, t.due_at FROM wfworker.task t
         WHERE (SELECT l.done FROM look l) AND t.ready AND t.priority = p_band AND t.lane = p_lane AND t.due_at <= p_now
           AND t.due_at >= coalesce('epoch'::timestamptz + p_notes[3] * interval '1 microsecond', '-infinity')
         ORDER BY t.due_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE wfworker.task t
           SET due_at = p_now + p_lease_ms * interval '1 ms', token = wfworker.new_token(), worker = p_worker,
               crashes = t.crashes + CASE WHEN t.worker IS NULL THEN 0 ELSE 1 END, poked = false, ready = false
          FROM ready WHERE t.execution_id = ANY (ARRAY[ready.execution_id])
        RETURNING t.execution_id, ready.due_at, t.since
    )
    SELECT array_agg(o.execution_id), array_agg(o.due_at), NOT bool_and(o.since = 'infinity' AND o.since IS NOT NULL),
           (SELECT l.done FROM look l), (SELECT l.below FROM look l),
           CASE WHEN count(*) = 0 THEN p_notes
                ELSE ARRAY[p_band, p_lane, (extract(epoch FROM max(o.due_at)) * 1000000)::bigint
                                           - CASE WHEN count(*) >= p_limit THEN 0 ELSE 2000000 END] END
      INTO o_ids, o_due, o_begun, o_done, o_below, o_notes FROM (SELECT * FROM taken ORDER BY taken.due_at) o;
END
$$;

-- Up to p_limit executions, leased to p_worker, with since when they were ready.  p_memo is what the last call returned: where
-- it stopped going round, how often, since when (microseconds) the notes and the next number count, from when on what is due is
-- looked for (0: all of it), and for lanes [band, lane, how far it was read].  o_begun: some may have journal rows that count;
-- o_idle: the worker's row says that it sleeps; o_next: when the next one is due.
-- One look says whether something is due or ready at all.  Mostly the best band has one lane, without a limit: one statement more.
-- Runs within wfworker.claim(), whose settings its plans need; that is so of all that it calls.
CREATE FUNCTION wfworker.take(p_worker bigint, p_limit integer, p_lease_ms bigint, p_per_owner integer, p_memo text,
                              OUT o_ids uuid[], OUT o_due timestamptz[], OUT o_begun boolean, OUT o_idle boolean, OUT o_next timestamptz,
                              OUT o_flags integer, OUT o_memo bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_promoted bigint;
    v_band smallint;
    v_lane bigint;
    v_simple boolean;
    r record;
BEGIN
    o_memo := wfworker.memo(p_memo, v_at);
    LOOP
        SELECT (SELECT x.due_at FROM wfworker.task x WHERE NOT x.ready AND x.due_at < 'infinity'
                   AND x.due_at >= CASE o_memo[4] WHEN 0 THEN '-infinity' ELSE 'epoch'::timestamptz + o_memo[4] * interval '1 microsecond' END
                 ORDER BY x.due_at LIMIT 1),
               (SELECT w.idle FROM wfworker.worker w WHERE w.id = p_worker),
               coalesce(b.priority, o_memo[5]), coalesce(b.lane, o_memo[6]),
               p_per_owner = 0 AND (cardinality(o_memo) = 4 OR (cardinality(o_memo) = 7 AND b.lane IS NULL))
          INTO o_next, o_idle, v_band, v_lane, v_simple
          FROM (SELECT) one
          LEFT JOIN (SELECT x.priority, x.lane FROM wfworker.task x
                      WHERE x.ready AND (x.priority, x.lane) > (coalesce(o_memo[5], -1), coalesce(o_memo[6], -1))
                      ORDER BY x.priority, x.lane LIMIT 1) b ON true;
        EXIT WHEN v_promoted IS NOT NULL OR o_next > v_at OR o_next IS NULL;
        v_promoted := wfworker.promote(CASE o_memo[4] WHEN 0 THEN '-infinity'
                                       ELSE 'epoch'::timestamptz + o_memo[4] * interval '1 microsecond' END, v_at);
    END LOOP;
    o_memo := ARRAY[o_memo[1], (o_memo[2] + 1) & 1048575, o_memo[3], CASE WHEN v_promoted >= 500 THEN 0 ELSE o_memo[3] - 2000000 END]
              || o_memo[5 :];
    o_flags := 0;
    IF v_band IS NOT NULL THEN
        IF v_simple THEN
            r := wfworker.take_lane(p_worker, p_limit, p_lease_ms, v_band, v_lane, v_at, o_memo[5 :]);
            o_ids := r.o_ids;
            o_due := r.o_due;
            o_begun := r.o_begun;
            o_memo := o_memo[: 4] || r.o_notes;
            v_simple := r.o_done AND (NOT r.o_below OR cardinality(o_ids) >= p_limit);
        END IF;
        IF NOT v_simple THEN
            r := wfworker.take_rest(p_worker, p_limit - coalesce(cardinality(o_ids), 0), p_lease_ms, p_per_owner,
                                    CASE WHEN o_ids IS NULL THEN 10::smallint ELSE v_band END, v_at, o_memo);
            o_ids := o_ids || r.o_ids;
            o_due := o_due || r.o_due;
            o_begun := true;
            o_flags := r.o_flags;
            o_memo := r.o_memo;
        END IF;
    END IF;
    IF o_next <= v_at AND coalesce(cardinality(o_ids), 0) = 0 THEN -- locked by somebody, or there are more
        SELECT x.due_at INTO o_next FROM wfworker.task x WHERE NOT x.ready AND x.due_at < 'infinity' AND x.due_at > v_at
         ORDER BY x.due_at LIMIT 1;
    END IF;
END
$$;

-- Everything that is durable of some executions, in the order of p_ids.  The row's own state counts only for those that
-- no worker has begun yet: for others it says less than snapshot and journal, and may be as large.  Few have signals: those
-- are looked up for whoever has some (LIMIT, so that no plan reads all that wait).  p_bytes: no more executions than together
-- have so many bytes (null: no bound), but always the first.  p_journal: false where it is known that there are no journal rows
-- that count.
-- The server puts it into the statement that calls it (it would not if this were plpgsql, or had settings of its own), so that
-- with a constant null and false it costs half: whoever calls it has load()'s settings.
CREATE FUNCTION wfworker.durable(p_ids uuid[], p_bytes bigint, p_journal boolean)
RETURNS TABLE (o_id uuid, o_token bigint, o_crashes integer, o_workflow uuid, o_version integer, o_execution text, o_status text,
               o_error text, o_node text, o_state text, o_started timestamp, o_retries integer, o_next_retry timestamp,
               o_completed timestamp, o_snapshot text, o_definition text, o_journal text[], o_next_seq bigint, o_stamp text,
               o_active boolean, o_signals text[])
LANGUAGE sql STABLE AS $$
    SELECT q.execution_id, q.token, q.crashes, q.workflow_id, q.workflow_version, q.execution, q.status, q.error_message, q.node,
           CASE WHEN q.fresh THEN q.execution_state::text END, q.started_at, q.retry_count, q.next_retry_at, q.completed_at, q.state,
           q.definition, q.events, q.next_seq, q.stamp, q.active,
           CASE WHEN (SELECT true FROM wfworker.signal_waiting p WHERE p.execution_id = q.execution_id LIMIT 1)
                  OR (SELECT true FROM wfworker.inbox b WHERE b.execution_id = q.execution_id LIMIT 1)
                THEN wfworker.signals(q.execution_id) END
      FROM (SELECT i.n, t.execution_id, t.token, t.crashes, e.workflow_id, e.workflow_version, e.execution_id::text AS execution,
                   e.status::text AS status, e.error_message::text AS error_message, e.current_node_id::text AS node,
                   e.execution_state, f.fresh, e.started_at::timestamp AS started_at, e.retry_count,
                   e.next_retry_at::timestamp AS next_retry_at, e.completed_at::timestamp AS completed_at, s.state, s.definition,
                   j.events, greatest(t.seq, s.seq, j.seq, 0) + 1 AS next_seq, w.xmin::text || w.ctid::text AS stamp,
                   coalesce(w.is_active, false) AS active,
                   sum(CASE WHEN f.fresh AND (pg_column_size(e.execution_state) < 2000) IS NOT FALSE THEN 2000
                            WHEN f.fresh THEN octet_length(e.execution_state::text)
                            ELSE coalesce(octet_length(s.state), 0) + coalesce(j.bytes, 0) END) OVER (ORDER BY i.n) AS bytes
              FROM unnest(p_ids) WITH ORDINALITY i (id, n)
              JOIN wfworker.task t ON t.execution_id = ANY (ARRAY[i.id])
              JOIN workflowexecution e ON e.id = ANY (ARRAY[i.id])
              LEFT JOIN workflow w ON w.id = ANY (ARRAY[e.workflow_id])
              LEFT JOIN wfworker.snapshot s ON s.execution_id = ANY (ARRAY[i.id])
              LEFT JOIN LATERAL (
                  SELECT array_agg(x.events ORDER BY x.seq) AS events, max(x.seq) AS seq, sum(octet_length(x.events)) AS bytes
                    FROM wfworker.journal x
                   WHERE p_journal AND x.execution_id = i.id AND x.seq > coalesce(s.seq, 0)
                     AND x.at >= coalesce(t.since, '-infinity')) j ON true
             CROSS JOIN LATERAL (SELECT s.state IS NULL AND j.events IS NULL AS fresh) f) q
     WHERE p_bytes IS NULL OR q.bytes <= p_bytes OR q.n = 1
     ORDER BY q.n
$$;

-- What was taken but is too large for now goes back to where it stood: all but the first p_loaded of those that are there.  What
-- vanished while no trigger was there to clean up goes.
CREATE FUNCTION wfworker.put_back(p_ids uuid[], p_due timestamptz[], p_loaded bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM wfworker.task t
     WHERE t.execution_id = ANY (p_ids) AND NOT EXISTS (SELECT FROM workflowexecution x WHERE x.id = t.execution_id);
    UPDATE wfworker.task t SET worker = NULL, token = 0, due_at = q.due, ready = true
      FROM (SELECT i.id, i.due FROM unnest(p_ids, p_due) WITH ORDINALITY i (id, due, n)
             WHERE EXISTS (SELECT FROM wfworker.task k WHERE k.execution_id = ANY (ARRAY[i.id]))
             ORDER BY i.n OFFSET p_loaded) q
     WHERE t.execution_id = ANY (ARRAY[q.id]);
END
$$;

-- ---- Node types ----

-- An execution needs node types that this worker does not have: into a lane for workers that have all of them.  p_present: that is
-- so of all that its workflow starts now.  False: no living worker has them, and nothing was changed.
CREATE FUNCTION wfworker.hand_over(p_worker bigint, p_id uuid, p_token bigint, p_needs text[], p_present boolean) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_needs text[] := ARRAY(SELECT DISTINCT n FROM unnest(p_needs) n ORDER BY 1);
    v_workflow uuid;
    v_lane bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = p_id AND t.token = p_token) THEN
        RETURN true; -- somebody else's already
    ELSIF NOT EXISTS (SELECT FROM wfworker.worker w
                      WHERE w.id <> p_worker AND NOT w.stopping AND w.seen_at > now() - interval '2 minutes'
                        AND v_needs <@ w.node_types) THEN
        RETURN false;
    END IF;
    SELECT x.workflow_id INTO v_workflow FROM workflowexecution x WHERE x.id = p_id;
    IF p_present THEN
        v_lane := wfworker.lane_of(v_workflow);
        UPDATE wfworker.lane l SET needs = v_needs WHERE l.id = v_lane AND l.needs IS DISTINCT FROM v_needs;
    ELSE
        v_lane := wfworker.lane_of(v_workflow, array_to_string(v_needs, ','), v_needs);
    END IF;
    UPDATE wfworker.task t SET worker = NULL, token = 0, due_at = clock_timestamp(), lane = v_lane, ready = true
     WHERE t.execution_id = p_id AND t.token = p_token;
    PERFORM wfworker.wake(v_needs);
    RETURN true;
END
$$;
