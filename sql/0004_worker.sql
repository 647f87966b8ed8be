-- SPDX-License-Identifier: Apache-2.0
-- What the running worker calls.  Functions, because their plans are kept by the server's session: the worker itself keeps
-- no session state, so that it works behind a transaction pooler.  They run with the rights of the worker's role and find
-- the backend's tables by its search_path.  enable_seqscan and friends are off where rows are looked up by key: a plan
-- made while a table was small must not be kept when it is large.  For the same reason keys of a batch are compared with
-- "= ANY (ARRAY[key])": where a table seems to be empty, "=" also lets the server read the whole index of the table's key, in
-- order (as if for a merge), and look each row up in the batch.

-- Pin the workflow's present definition.  Rows of workflownode count only when graph_config has no nodes.
CREATE FUNCTION wfworker.pin(p_workflow uuid, OUT id text, OUT graph text, OUT rows text, OUT trigger_config text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_nodes text;
BEGIN
    SELECT w.graph_config::text, w.trigger_config::text INTO graph, trigger_config FROM workflow w WHERE w.id = p_workflow;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    BEGIN
        v_nodes := graph::json ->> 'nodes';
    EXCEPTION WHEN data_exception THEN
        v_nodes := '?'; -- whoever loads it says what is wrong with it
    END;
    IF coalesce(v_nodes, '') IN ('', '[]', '{}', 'null') AND to_regclass('workflownode') IS NOT NULL THEN
        EXECUTE 'SELECT json_agg(json_build_object(''node_id'', n.node_id, ''node_type'', n.node_type, ''config'', n.config)
                                 ORDER BY n.ctid)::text FROM workflownode n WHERE n.workflow_id = $1' INTO rows USING p_workflow;
    END IF;
    id := encode(sha256(convert_to(concat_ws(E'\x01', coalesce(graph, '-'), coalesce(rows, '-'),
                                             coalesce(trigger_config, '-')), 'UTF8')), 'hex');
    INSERT INTO wfworker.definition (id, graph, rows, trigger_config) VALUES (id, graph, rows, trigger_config)
    ON CONFLICT (id) DO NOTHING;
END
$$;

-- What is durable of some executions, see wfworker.durable().
CREATE FUNCTION wfworker.load(p_ids uuid[])
RETURNS TABLE (o_id uuid, o_token bigint, o_crashes integer, o_workflow uuid, o_version integer, o_execution text, o_status text,
               o_error text, o_node text, o_state text, o_started timestamp, o_retries integer, o_next_retry timestamp,
               o_completed timestamp, o_snapshot text, o_definition text, o_journal text[], o_next_seq bigint, o_stamp text,
               o_active boolean, o_signals text[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    RETURN QUERY SELECT * FROM wfworker.durable(p_ids, NULL, true);
END
$$;

-- Take what is due, best band first, and within a band from the lanes in turn (see wfworker.take_from()).  The rows are read after
-- they were locked, in a statement of its own: only so are they the newest.  A last row without an id says in o_token how many
-- microseconds later the next one is due (null: none, or not asked since something was there), in o_crashes a sum of
-- 1: something waits for a place under a limit, 2: not all lanes were visited; and in o_state a memo for the next call.
-- p_idle: note that this worker sleeps now if nothing was there.  p_bytes: see wfworker.durable(); what does not fit stays in the
-- queue.  p_per_owner: executions of one owner that may be held at a time (0: no limit).
CREATE FUNCTION wfworker.claim(p_worker bigint, p_limit integer, p_lease_ms bigint, p_idle boolean, p_bytes bigint,
                               p_per_owner integer, p_memo text)
RETURNS TABLE (o_id uuid, o_token bigint, o_crashes integer, o_workflow uuid, o_version integer, o_execution text, o_status text,
               o_error text, o_node text, o_state text, o_started timestamp, o_retries integer, o_next_retry timestamp,
               o_completed timestamp, o_snapshot text, o_definition text, o_journal text[], o_next_seq bigint, o_stamp text,
               o_active boolean, o_signals text[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_sort = off SET jit = off AS $$
DECLARE
    k record := wfworker.take(p_worker, p_limit, p_lease_ms, p_per_owner, p_memo);
    v_count integer := coalesce(cardinality(k.o_ids), 0);
    v_loaded bigint;
BEGIN
    IF v_count > 0 THEN
        IF v_count = 1 AND k.o_begun THEN
            RETURN QUERY SELECT * FROM wfworker.durable(k.o_ids, NULL, true);
        ELSIF v_count = 1 THEN
            RETURN QUERY SELECT * FROM wfworker.durable(k.o_ids, NULL, false);
        ELSIF k.o_begun THEN
            RETURN QUERY SELECT * FROM wfworker.durable(k.o_ids, p_bytes, true);
        ELSE
            RETURN QUERY SELECT * FROM wfworker.durable(k.o_ids, p_bytes, false);
        END IF;
        GET DIAGNOSTICS v_loaded = ROW_COUNT;
        IF v_loaded < v_count THEN
            PERFORM wfworker.put_back(k.o_ids, k.o_due, v_loaded);
        END IF;
        IF k.o_idle THEN
            UPDATE wfworker.worker w SET idle = false WHERE w.id = p_worker AND w.idle;
        END IF;
        IF v_count >= p_limit THEN
            PERFORM wfworker.wake(); -- there may be more than one worker's share
        END IF;
    ELSIF p_idle AND NOT k.o_idle THEN
        UPDATE wfworker.worker w SET idle = true, seen_at = now() WHERE w.id = p_worker AND NOT w.idle;
    END IF;
    o_id := NULL;
    o_crashes := k.o_flags;
    o_state := k.o_memo::text;
    IF v_count = 0 THEN
        o_token := extract(epoch FROM k.o_next - clock_timestamp()) * 1000000;
    END IF;
    RETURN NEXT;
END
$$;

-- Look again at what this worker holds.  Not for longer than a moment while somebody has changed it and not yet committed:
-- the connection is needed for the renewal of leases.
CREATE FUNCTION wfworker.peek(p_id uuid, p_token bigint)
RETURNS TABLE (o_id uuid, o_token bigint, o_crashes integer, o_workflow uuid, o_version integer, o_execution text, o_status text,
               o_error text, o_node text, o_state text, o_started timestamp, o_retries integer, o_next_retry timestamp,
               o_completed timestamp, o_snapshot text, o_definition text, o_journal text[], o_next_seq bigint, o_stamp text,
               o_active boolean, o_signals text[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET lock_timeout = '100ms' AS $$
BEGIN
    UPDATE wfworker.task t SET poked = false WHERE t.execution_id = p_id AND t.token = p_token;
    IF FOUND THEN
        RETURN QUERY SELECT * FROM wfworker.load(ARRAY[p_id]);
    END IF;
END
$$;

-- Renew leases, and this worker's own row.  Returns the positions that were renewed and whether they were poked.
CREATE FUNCTION wfworker.renew(p_worker bigint, p_name text, p_version text, p_lease_ms bigint, p_ids uuid[], p_tokens bigint[])
RETURNS TABLE (o_n bigint, o_poked boolean)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    INSERT INTO wfworker.worker AS w (id, name, version) VALUES (p_worker, p_name, p_version)
    ON CONFLICT (id) DO UPDATE SET seen_at = now();
    RETURN QUERY
    WITH mine AS MATERIALIZED (
        SELECT t.execution_id, i.n FROM unnest(p_ids, p_tokens) WITH ORDINALITY i (id, token, n)
          JOIN wfworker.task t ON t.execution_id = ANY (ARRAY[i.id]) AND t.token = i.token
           FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE wfworker.task t SET due_at = now() + p_lease_ms * interval '1 ms', ready = false
      FROM mine WHERE t.execution_id = ANY (ARRAY[mine.execution_id])
    RETURNING mine.n, t.poked;
END
$$;

-- Give executions back as they are.  Returns how many were locked by somebody: for those it is to be called again.
CREATE FUNCTION wfworker.release(p_ids uuid[], p_tokens bigint[], p_due_us bigint[]) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_locked bigint;
BEGIN
    WITH mine AS MATERIALIZED (
        SELECT t.execution_id, i.due FROM unnest(p_ids, p_tokens, p_due_us) i (id, token, due)
          JOIN wfworker.task t ON t.execution_id = ANY (ARRAY[i.id]) AND t.token = i.token
           FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE wfworker.task t
       SET worker = NULL, token = 0, poked = false, ready = false,
           due_at = CASE WHEN t.poked THEN now() WHEN mine.due IS NULL THEN 'infinity'
                         ELSE now() + mine.due * interval '1 microsecond' END
      FROM mine WHERE t.execution_id = ANY (ARRAY[mine.execution_id]);
    IF FOUND THEN
        PERFORM wfworker.wake();
    END IF;
    SELECT count(*) INTO v_locked FROM unnest(p_ids, p_tokens) i (id, token)
      JOIN wfworker.task t ON t.execution_id = ANY (ARRAY[i.id]) AND t.token = i.token;
    RETURN v_locked;
END
$$;

-- Give back what a claim took whose answer was lost with the connection: what this worker holds and knows nothing of (p_ids: what
-- it knows).  That is due within a lease, so that what is parked for longer is not read; what has run out is in its lane already.
CREATE FUNCTION wfworker.release_others(p_worker bigint, p_ids uuid[], p_lease_ms bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    UPDATE wfworker.task t SET worker = NULL, token = 0, due_at = now(), ready = false
      FROM (SELECT o.execution_id FROM wfworker.task o
             WHERE NOT o.ready AND o.due_at < 'infinity' AND o.due_at <= now() + p_lease_ms * interval '1 ms'
               AND o.worker = p_worker AND NOT o.execution_id = ANY (p_ids)
               FOR NO KEY UPDATE SKIP LOCKED) mine
     WHERE t.execution_id = ANY (ARRAY[mine.execution_id]);
END
$$;

-- Save many executions, sorted by id; each one is checked and applied by itself.  Rows that come back: o_n counts from 0,
-- o_result 0 applied by an earlier try whose answer was lost, 1 fenced, 2 the status was changed (o_status), 3 gone, 5 locked by
-- somebody else: try again.  The last row has o_n = -1: whatever was not named before is applied, and o_result 1 says that there is
-- something to deliver.
-- p_has is a sum: 1 a journal row, 2 a snapshot, 4 a projection, without which the execution's row stays as it is; an array that
-- nobody has anything in is empty.  p_then 0 keep the lease, 1 park until p_due_us from now (null: until poked), 2 over.  p_log_of, p_used_of and p_ask_of
-- say of which save: log rows, signals and answers that were used, and what is asked for.
-- A lease is made longer only when less than half of it is left: a task whose due_at stays is updated without its indexes.
CREATE FUNCTION wfworker.save(
    p_lease_ms bigint, p_id uuid[], p_token bigint[], p_expected text[], p_seq bigint[], p_has integer[], p_journal text[],
    p_snapshot text[], p_definition text[], p_projection json[], p_status text[], p_node text[], p_error text[],
    p_retries integer[], p_next_retry timestamp[], p_completed timestamp[], p_then integer[], p_due_us bigint[],
    p_log_of integer[], p_log_id uuid[], p_log_node text[], p_log_level text[], p_log_message text[], p_log_at timestamp[],
    p_used_of integer[], p_used uuid[], p_ask_of integer[], p_ask_kind text[], p_ask_body text[])
RETURNS TABLE (o_n integer, o_result integer, o_status text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET work_mem = '16MB' AS $$
DECLARE
    v_count integer := cardinality(p_id);
    v_good integer[];
    v_ok boolean[];
    v_asked boolean := false;
BEGIN
    -- Until this function returns: triggers leave alone what it writes.  (Not in the SET above: only superusers may name a
    -- parameter there that the server does not know.)
    PERFORM set_config('wfworker.saving', '1', true);

    -- The execution first, then its task, as the backend's writers and our triggers do.  Whoever holds an execution's row
    -- for long makes only that one wait.  The task says whether the lease is ours still, and is done with at once.
    WITH e AS MATERIALIZED (
        SELECT i.n::integer AS n, i.id, i.token, i.seq, i.has, i.after, i.due, i.status, x.status = i.expected AS unchanged
          FROM unnest(p_id, p_token, p_expected, p_seq, p_has, p_status, p_then, p_due_us)
               WITH ORDINALITY i (id, token, expected, seq, has, status, after, due, n)
          JOIN workflowexecution x ON x.id = ANY (ARRAY[i.id])
         ORDER BY i.n FOR NO KEY UPDATE OF x SKIP LOCKED
    ), ended AS (
        DELETE FROM wfworker.task t USING e
         WHERE e.after = 2 AND e.unchanged AND t.execution_id = ANY (ARRAY[e.id]) AND t.token = e.token
           AND (e.has & 1 = 0 OR t.seq IS NULL OR t.seq < e.seq)
        RETURNING e.n
    ), alive AS (
        UPDATE wfworker.task t
           SET worker = CASE e.after WHEN 0 THEN t.worker END,
               token = CASE e.after WHEN 0 THEN t.token ELSE 0 END,
               due_at = CASE WHEN e.after = 0 AND t.due_at > now() + p_lease_ms / 2 * interval '1 ms' THEN t.due_at
                             WHEN e.after = 0 THEN now() + p_lease_ms * interval '1 ms'
                             WHEN t.poked THEN now()
                             WHEN e.due IS NULL THEN 'infinity'
                             ELSE now() + e.due * interval '1 microsecond' END,
               poked = CASE e.after WHEN 0 THEN t.poked ELSE false END,
               ready = false,
               crashes = 0,
               seq = CASE WHEN e.has & 1 <> 0 THEN e.seq ELSE t.seq END,
               since = CASE WHEN e.has & 2 <> 0 THEN 'infinity'
                            WHEN e.has & 1 <> 0 AND t.since = 'infinity' THEN now() - interval '1 hour'
                            ELSE t.since END,
               status = CASE WHEN e.has & 4 <> 0 THEN e.status ELSE t.status END
          FROM e
         WHERE e.after <> 2 AND e.unchanged AND t.execution_id = ANY (ARRAY[e.id]) AND t.token = e.token
           AND (e.has & 1 = 0 OR t.seq IS NULL OR t.seq < e.seq)
        RETURNING e.n
    )
    SELECT array_agg(o.n) INTO v_good FROM (SELECT n FROM ended UNION ALL SELECT n FROM alive) o;

    v_ok := array_fill(v_count = cardinality(v_good), ARRAY[v_count]);
    IF NOT coalesce(v_ok[1], false) THEN
        v_ok := array_fill(false, ARRAY[v_count]);
        FOR k IN 1 .. coalesce(cardinality(v_good), 0) LOOP
            v_ok[v_good[k]] := true;
        END LOOP;
        RETURN QUERY SELECT k - 1, r.result, r.status FROM generate_series(1, v_count) k
                       CROSS JOIN LATERAL wfworker.why_not_saved(p_id[k], p_token[k], p_expected[k], p_seq[k], p_has[k]) r
                      WHERE NOT v_ok[k];
    END IF;

    -- Before the rows of the executions get a new version: so the check of the log's foreign key finds the very one that is
    -- locked, and has nothing to write.
    INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")
    SELECT l.id, p_id[l.save], l.node, l.level, l.message, l.at
      FROM unnest(p_log_of, p_log_id, p_log_node, p_log_level, p_log_message, p_log_at) l (save, id, node, level, message, at)
     WHERE v_ok[l.save];

    IF cardinality(p_projection) > 0 THEN
        UPDATE workflowexecution x
           SET status = i.status, current_node_id = i.node, error_message = i.error, retry_count = i.retries,
               next_retry_at = i.next_retry, completed_at = i.completed, execution_state = i.projection
          FROM unnest(p_id, p_status, p_node, p_error, p_retries, p_next_retry, p_completed, p_projection, v_ok)
               i (id, status, node, error, retries, next_retry, completed, projection, ok)
         WHERE i.ok AND i.projection IS NOT NULL AND x.id = ANY (ARRAY[i.id]);
    END IF;

    INSERT INTO wfworker.journal (execution_id, seq, token, events)
    SELECT i.id, i.seq, i.token, i.journal FROM unnest(p_id, p_seq, p_token, p_journal, v_ok) i (id, seq, token, journal, ok)
     WHERE i.ok AND i.journal IS NOT NULL;

    IF cardinality(p_snapshot) > 0 THEN
        INSERT INTO wfworker.snapshot AS s (execution_id, seq, definition, state)
        SELECT i.id, i.seq, coalesce(i.definition, ''), i.snapshot
          FROM unnest(p_id, p_seq, p_definition, p_snapshot, v_ok) i (id, seq, definition, snapshot, ok)
         WHERE i.ok AND i.snapshot IS NOT NULL
        ON CONFLICT (execution_id) DO UPDATE
           SET seq = excluded.seq, definition = excluded.definition, state = excluded.state, saved_at = now();
    END IF;
    IF 2 = ANY (p_then) THEN
        DELETE FROM wfworker.snapshot s USING unnest(p_id, p_then, p_has, v_ok) i (id, after, has, ok)
         WHERE i.ok AND i.after = 2 AND i.has & 2 = 0 AND s.execution_id = ANY (ARRAY[i.id]);
    END IF;

    IF cardinality(p_used_of) > 0 OR cardinality(p_ask_of) > 0 OR 2 = ANY (p_then) THEN
        v_asked := wfworker.save_dealings(p_id, v_ok, p_then, p_used_of, p_used, p_ask_of, p_ask_kind, p_ask_body);
    END IF;
    PERFORM set_config('wfworker.saving', '', true);
    o_n := -1;
    o_result := v_asked::integer;
    o_status := NULL;
    RETURN NEXT;
END
$$;

-- Of one save that was not applied: see there.  Also when the connection was lost, and the save was sent again that had been
-- applied: the journal knows.
CREATE FUNCTION wfworker.why_not_saved(p_id uuid, p_token bigint, p_expected text, p_seq bigint, p_has integer,
                                       OUT result integer, OUT status text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_status text;
    v_seq bigint;
BEGIN
    SELECT x.status INTO v_status FROM workflowexecution x WHERE x.id = p_id;
    IF p_has & 1 <> 0 AND EXISTS (SELECT FROM wfworker.journal j
                                   WHERE j.execution_id = p_id AND j.seq = p_seq AND j.token = p_token) THEN
        result := 0;
        RETURN;
    ELSIF v_status IS NULL THEN
        result := 3;
        RETURN;
    END IF;
    SELECT t.seq INTO v_seq FROM wfworker.task t WHERE t.execution_id = p_id AND t.token = p_token;
    IF NOT FOUND OR (p_has & 1 <> 0 AND v_seq >= p_seq) THEN
        result := 1;
    ELSIF v_status <> p_expected THEN
        result := 2;
        status := v_status;
    ELSE
        result := 5;
    END IF;
END
$$;

-- Find what no trigger told us: with p_failed or p_status all that is to run, else what is in the next part of the table
-- (10,000 blocks, 80 MB).  p_failed: failed executions that wait for a retry, too.  p_status: statuses changed from
-- outside, too (where there are no triggers).  Returns how many rows are due and not held, up to 100,000.
CREATE FUNCTION wfworker.sweep(p_failed boolean, p_status boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_depth bigint;
BEGIN
    IF p_failed OR p_status THEN
        INSERT INTO wfworker.task (execution_id, priority, due_at)
        SELECT e.id, wfworker.band_of(e.execution_state::text), now() FROM workflowexecution e
         WHERE e.status IN ('running', 'pending')
           AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = e.id)
           AND NOT EXISTS (SELECT FROM wfworker.old_execution o WHERE o.execution_id = e.id)
         LIMIT 10000
        ON CONFLICT (execution_id) DO NOTHING;
    ELSE
        PERFORM wfworker.sweep_part(10000);
    END IF;
    IF p_failed THEN
        INSERT INTO wfworker.task (execution_id, priority, due_at)
        SELECT e.id, wfworker.band_of(e.execution_state::text), greatest(e.next_retry_at, 'epoch') AT TIME ZONE 'UTC' FROM workflowexecution e
         WHERE e.status = 'failed' AND e.completed_at IS NULL AND e.next_retry_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = e.id)
         LIMIT 10000
        ON CONFLICT (execution_id) DO NOTHING;
    END IF;
    IF p_status THEN
        UPDATE wfworker.task t SET poked = true, due_at = CASE WHEN t.worker IS NULL AND NOT t.ready THEN now() ELSE t.due_at END
          FROM workflowexecution e
         WHERE e.id = t.execution_id AND t.status <> e.status AND NOT (t.poked AND (t.worker IS NOT NULL OR t.due_at <= now()));
    END IF;
    SELECT count(*) INTO v_depth FROM (
        (SELECT FROM wfworker.task t WHERE t.ready LIMIT 100000)
        UNION ALL
        (SELECT FROM wfworker.task t WHERE NOT t.ready AND t.due_at <= now() AND t.due_at < 'infinity' LIMIT 100000)
         LIMIT 100000) d;
    RETURN v_depth;
END
$$;

-- How many executions are held, and in how many microseconds the next one is due that is not.
CREATE FUNCTION wfworker.outlook(OUT held bigint, OUT next_us bigint) LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE worker IS NOT NULL AND due_at > now()),
           (extract(epoch FROM min(due_at) FILTER (WHERE (worker IS NULL OR due_at <= now()) AND due_at < 'infinity') - now())
            * 1000000)::bigint
      FROM wfworker.task
$$;

-- Lanes of workflows that are gone and have nothing in the queue any more, and the places below limits that nobody asks for
-- without them.  What comes into such a lane all the same (a row without its workflow) is taken without a limit.
CREATE FUNCTION wfworker.drop_lanes() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_gone bigint[] := ARRAY(SELECT l.id FROM wfworker.lane l WHERE NOT EXISTS (SELECT FROM workflow w WHERE w.id = l.workflow_id));
BEGIN
    IF cardinality(v_gone) > 0 THEN
        DELETE FROM wfworker.lane l
         WHERE l.id = ANY (v_gone) AND l.id <> ALL (ARRAY(SELECT t.lane FROM wfworker.task t WHERE t.lane = ANY (v_gone)));
    END IF;
    DELETE FROM wfworker.place p
     WHERE (p.of = 'w' AND NOT EXISTS (SELECT FROM wfworker.lane l WHERE l.workflow_id = p.id))
        OR (p.of = 'o' AND NOT EXISTS (SELECT FROM wfworker.lane l WHERE l.owner_id = p.id));
END
$$;

-- House-keeping, by one worker at a time: partitions of the journal two weeks ahead, old ones dropped, rows of workers
-- that are gone, snapshots, keys, lanes and places that nobody needs any more.
CREATE FUNCTION wfworker.upkeep(p_retention_days integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_week timestamptz;
    v_name text;
    v_cutoff timestamptz := now() - p_retention_days * interval '1 day';
    v_needed boolean;
    r record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7790337541201929) THEN
        RETURN;
    END IF;
    SET LOCAL lock_timeout = '2s';
    FOR k IN 0 .. 2 LOOP
        v_week := (date_trunc('week', now() AT TIME ZONE 'UTC') + k * interval '7 days') AT TIME ZONE 'UTC';
        v_name := 'journal_' || to_char(v_week AT TIME ZONE 'UTC', 'YYYYMMDD');
        CONTINUE WHEN to_regclass('wfworker.' || v_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE wfworker.%I (LIKE wfworker.journal INCLUDING ALL)', v_name);
        EXECUTE format('WITH moved AS (DELETE FROM wfworker.journal_default WHERE at >= %L AND at < %L RETURNING *)
                        INSERT INTO wfworker.%I SELECT * FROM moved', v_week, v_week + interval '7 days', v_name);
        EXECUTE format('ALTER TABLE wfworker.journal ATTACH PARTITION wfworker.%I FOR VALUES FROM (%L) TO (%L)',
                       v_name, v_week, v_week + interval '7 days');
    END LOOP;

    -- What was ended from outside while a worker held it: parked for ever, it would keep its part of the journal.
    DELETE FROM wfworker.task t USING workflowexecution e
     WHERE e.id = t.execution_id AND t.worker IS NULL AND t.due_at = 'infinity'
       AND (e.status = 'completed' OR (e.status = 'failed' AND (e.completed_at IS NOT NULL OR e.next_retry_at IS NULL)));

    IF p_retention_days > 0 THEN
        FOR r IN
            SELECT c.relname, (to_date(substr(c.relname, 9), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC') + interval '7 days' AS ends
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'wfworker.journal'::regclass AND c.relname ~ '^journal_[0-9]{8}$'
        LOOP
            CONTINUE WHEN r.ends >= v_cutoff;
            -- Not while an execution that still lives may need it.
            EXECUTE format('SELECT EXISTS (SELECT FROM wfworker.task t WHERE t.since < $1 OR (t.since IS NULL AND EXISTS (
                                SELECT FROM wfworker.%I j WHERE j.execution_id = t.execution_id)))', r.relname)
               INTO v_needed USING r.ends;
            CONTINUE WHEN v_needed;
            EXECUTE format('DROP TABLE wfworker.%I', r.relname);
        END LOOP;
        DELETE FROM wfworker.journal_default d WHERE d.at < v_cutoff
           AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = d.execution_id);
        DELETE FROM wfworker.payload p WHERE p.saved_at < v_cutoff
           AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = p.execution_id);
        DELETE FROM wfworker.snapshot s WHERE s.saved_at < v_cutoff
           AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = s.execution_id);
        DELETE FROM wfworker.submission WHERE at < v_cutoff;
    END IF;
    PERFORM wfworker.drop_lanes();
    DELETE FROM wfworker.worker WHERE seen_at < now() - interval '1 hour';
END
$$;
