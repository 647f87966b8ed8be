-- SPDX-License-Identifier: Apache-2.0
-- Control of executions: pause, resume, terminate, retry, replay, adopt.  Functions for the caller's own transaction: they
-- change the row as the backend's own writers do, with the log row that belongs to it, and the trigger tells the workers.
-- EXECUTION is exec-... or the row's id.

-- ---- What the workers and the triggers know ----

-- The node types that a worker has; null: it did not say (one of the release before).
ALTER TABLE wfworker.worker ADD COLUMN node_types text[];

CREATE FUNCTION wfworker.announce(p_worker bigint, p_name text, p_version text, p_node_types text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO wfworker.worker AS w (id, name, version, node_types)
    VALUES (p_worker, p_name, p_version, string_to_array(p_node_types, ','))
    ON CONFLICT (id) DO UPDATE SET node_types = excluded.node_types, seen_at = now()
$$;

-- Did one of our workers ever save something of it?
CREATE FUNCTION wfworker.has_begun(p_id uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM wfworker.snapshot s WHERE s.execution_id = p_id)
        OR EXISTS (SELECT FROM wfworker.journal j WHERE j.execution_id = p_id)
$$;

-- ---- Helpers ----

-- The row of an execution, locked against other writers; an error when there is none.
CREATE FUNCTION wfworker.locked(p_execution text) RETURNS workflowexecution LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution;
BEGIN
    IF p_execution ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
        SELECT * INTO r FROM workflowexecution e WHERE e.id = p_execution::uuid FOR NO KEY UPDATE;
    ELSE
        SELECT * INTO r FROM workflowexecution e WHERE e.execution_id = p_execution FOR NO KEY UPDATE;
    END IF;
    IF r.id IS NULL THEN
        RAISE EXCEPTION 'there is no execution "%"', p_execution
            USING ERRCODE = 'no_data_found', HINT = '"wfworker list" shows the executions.';
    END IF;
    RETURN r;
END
$$;

-- execution_state with the values of keys that it has replaced, in the order in which they stand.  What cannot be read stays.
CREATE FUNCTION wfworker.patched(p_state text, p_patch json) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT '{' || string_agg(to_json(s.key)::text || ': ' || coalesce(p_patch -> s.key, s.value)::text, ', ' ORDER BY s.n)
                   || '}'
              FROM json_each(p_state::json) WITH ORDINALITY s (key, value, n));
EXCEPTION WHEN others THEN
    RETURN p_state::json;
END
$$;

CREATE FUNCTION wfworker.add_log(p_id uuid, p_node text, p_level text, p_message text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")
    VALUES (gen_random_uuid(), p_id, left(coalesce(nullif(p_node, ''), 'system'), 255), p_level, left(p_message, 5000),
            clock_timestamp() AT TIME ZONE 'UTC')
$$;

-- A failed execution whose retry is still to come.
CREATE FUNCTION wfworker.retry_to_come(r workflowexecution) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT r.status = 'failed' AND r.completed_at IS NULL AND r.next_retry_at IS NOT NULL
$$;

-- ---- Control ----

-- What runs is finished and its results are kept, nothing new begins.  False: it was paused already.
CREATE FUNCTION wfworker.pause(p_execution text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution := wfworker.locked(p_execution);
BEGIN
    IF r.status = 'paused' THEN
        RETURN false;
    ELSIF r.status = 'completed' OR (r.status = 'failed' AND NOT wfworker.retry_to_come(r)) THEN
        RAISE EXCEPTION 'execution "%" has ended, it is %', r.execution_id, r.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM wfworker.add_log(r.id, r.current_node_id, 'info', 'Execution paused');
    UPDATE workflowexecution e
       SET status = 'paused', execution_state = wfworker.patched(e.execution_state::text, '{"status": "paused"}')
     WHERE e.id = r.id;
    RETURN true;
END
$$;

-- A retry that was to come begins at once.  False: it was not paused, but is running.
CREATE FUNCTION wfworker.resume(p_execution text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution := wfworker.locked(p_execution);
BEGIN
    IF r.status IN ('running', 'pending', 'waiting_for_signal') THEN
        RETURN false;
    ELSIF r.status <> 'paused' THEN
        RAISE EXCEPTION 'execution "%" is not paused, it is %', r.execution_id, r.status
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = CASE WHEN r.status = 'failed' THEN '"wfworker retry" begins what failed again.' ELSE '' END;
    END IF;
    PERFORM wfworker.add_log(r.id, r.current_node_id, 'info', 'Execution resumed');
    UPDATE workflowexecution e
       SET status = 'running', execution_state = wfworker.patched(e.execution_state::text, '{"status": "running"}')
     WHERE e.id = r.id;
    RETURN true;
END
$$;

-- The end, with status failed; what runs is cancelled.
CREATE FUNCTION wfworker.terminate(p_execution text, p_reason text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution := wfworker.locked(p_execution);
    v_reason text := coalesce(nullif(p_reason, ''), 'Execution terminated by user');
BEGIN
    IF r.status = 'completed' OR (r.status = 'failed' AND NOT wfworker.retry_to_come(r)) THEN
        RAISE EXCEPTION 'execution "%" has ended, it is %', r.execution_id, r.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM wfworker.add_log(r.id, r.current_node_id, 'warning', 'Execution terminated: ' || v_reason);
    UPDATE workflowexecution e
       SET status = 'failed', error_message = v_reason, completed_at = clock_timestamp() AT TIME ZONE 'UTC', next_retry_at = NULL,
           execution_state = wfworker.patched(e.execution_state::text, json_build_object(
               'status', 'failed', 'error_message', v_reason, 'next_retry_at', NULL))
     WHERE e.id = r.id;
    DELETE FROM wfworker.old_execution o WHERE o.execution_id = r.id;
    -- It failed before and waits for its retry: the status is the same, no trigger tells the workers.
    IF r.status = 'failed' THEN
        UPDATE wfworker.task t SET poked = true, due_at = CASE WHEN t.worker IS NULL AND NOT t.ready THEN now() ELSE t.due_at END
         WHERE t.execution_id = r.id;
        PERFORM wfworker.wake();
    END IF;
END
$$;

-- A failed execution begins again at what failed, and at what was cancelled for it; finished results are kept.  One that
-- waits for its retry does not wait any longer.
CREATE FUNCTION wfworker.retry(p_execution text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution := wfworker.locked(p_execution);
    v_first bigint;
BEGIN
    IF r.status <> 'failed' THEN
        RAISE EXCEPTION 'execution "%" has not failed, it is %', r.execution_id, r.status
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = CASE r.status WHEN 'completed' THEN '"wfworker replay" runs a completed one again, as a new one.'
                                       WHEN 'paused' THEN '"wfworker resume" lets it go on.' ELSE '' END;
    END IF;
    SELECT min(j.seq) INTO v_first FROM wfworker.journal j WHERE j.execution_id = r.id;
    IF v_first > 1 AND NOT EXISTS (SELECT FROM wfworker.snapshot s WHERE s.execution_id = r.id) THEN
        RAISE EXCEPTION 'the history of execution "%" is too old, a part of it is gone', r.execution_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'History is kept for history_retention_days.',
                  HINT = '"wfworker replay --from NODE" runs it again from a node, as a new one.';
    END IF;
    PERFORM wfworker.add_log(r.id, r.current_node_id, 'info', 'Execution retried');
    UPDATE workflowexecution e
       SET status = 'running', completed_at = NULL, next_retry_at = NULL,
           execution_state = wfworker.patched(e.execution_state::text, '{"status": "running", "next_retry_at": null}')
     WHERE e.id = r.id;
END
$$;

-- Take over an execution that was running before wfworker was installed.  False: it is not such a one (any more).
CREATE FUNCTION wfworker.adopt(p_execution text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution := wfworker.locked(p_execution);
BEGIN
    DELETE FROM wfworker.old_execution o WHERE o.execution_id = r.id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF r.status IN ('running', 'pending') THEN
        INSERT INTO wfworker.task (execution_id, priority, due_at)
        VALUES (r.id, wfworker.band_of(r.execution_state::text), now()) ON CONFLICT (execution_id) DO NOTHING;
        PERFORM wfworker.wake();
    END IF;
    RETURN true;
END
$$;

-- All of them that are still running; how many.
CREATE FUNCTION wfworker.adopt_all() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint;
BEGIN
    WITH old AS (
        DELETE FROM wfworker.old_execution o RETURNING o.execution_id
    )
    INSERT INTO wfworker.task (execution_id, priority, due_at)
    SELECT e.id, wfworker.band_of(e.execution_state::text), now()
      FROM old JOIN workflowexecution e ON e.id = old.execution_id WHERE e.status IN ('running', 'pending')
    ON CONFLICT (execution_id) DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    PERFORM wfworker.wake();
    RETURN v_count;
END
$$;

-- ---- Replay ----

-- The nodes of a graph in any of its forms; p_rows are those of workflownode, which count when the graph has none.
CREATE FUNCTION wfworker.graph_nodes(p_graph json, p_rows json) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(n ->> 'node_id', n ->> 'id')
      FROM json_array_elements(CASE WHEN json_typeof(p_graph -> 'nodes') = 'array' THEN p_graph -> 'nodes' ELSE '[]' END) n
    UNION
    SELECT json_object_keys(CASE WHEN json_typeof(p_graph -> 'nodes') = 'object' THEN p_graph -> 'nodes' ELSE '{}' END)
    UNION
    SELECT n ->> 'node_id' FROM json_array_elements(coalesce(p_rows, '[]')) n
$$;

CREATE FUNCTION wfworker.graph_edges(p_graph json) RETURNS TABLE (o_from text, o_to text) LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(nullif(e ->> 'from', ''), e ->> 'source'), coalesce(nullif(e ->> 'to', ''), e ->> 'target')
      FROM json_array_elements(CASE WHEN json_typeof(p_graph -> 'edges') = 'array' THEN p_graph -> 'edges' ELSE '[]' END) e
    UNION
    SELECT n.key, t.id
      FROM json_each(CASE WHEN json_typeof(p_graph -> 'nodes') = 'object' THEN p_graph -> 'nodes' ELSE '{}' END) n
     CROSS JOIN LATERAL json_array_elements_text(
         CASE json_typeof(n.value -> 'next') WHEN 'array' THEN n.value -> 'next'
                                             WHEN 'string' THEN json_build_array(n.value -> 'next') ELSE '[]' END) t (id)
$$;

-- The node and what runs after it: every node that it reaches, but not those that lie before it on a cycle.
CREATE FUNCTION wfworker.graph_after(p_graph json, p_node text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE edge AS MATERIALIZED (SELECT * FROM wfworker.graph_edges(p_graph)),
    after (id) AS (SELECT p_node UNION SELECT edge.o_to FROM after JOIN edge ON edge.o_from = after.id),
    before (id) AS (SELECT o_from FROM edge WHERE o_to = p_node
                    UNION SELECT edge.o_from FROM before JOIN edge ON edge.o_to = before.id)
    SELECT id FROM after WHERE id = p_node OR id NOT IN (SELECT id FROM before WHERE id IS NOT NULL)
$$;

-- What an execution was started with: the journal knows it, else it is what the nodes did not add.
CREATE FUNCTION wfworker.first_data(p_id uuid, p_state json) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_start json;
BEGIN
    SELECT wfworker.written_out(p_id, j.events)::json -> 0 INTO v_start FROM wfworker.journal j WHERE j.execution_id = p_id AND j.seq = 1;
    IF v_start ->> 'ev' = 'start' AND v_start ->> 'current_node_id' IS NULL THEN
        RETURN coalesce(v_start -> 'data', '{}');
    END IF;
    RETURN coalesce((
        SELECT json_object_agg(d.key, d.value) FROM json_each(p_state -> 'execution_data') d
         WHERE d.key NOT IN (SELECT k || '_output' FROM json_object_keys(p_state -> 'node_results') k)
           AND d.key !~ '_parallel_result$' AND d.key !~ '^signal_'), '{}');
END
$$;

-- The variables of the workflow as the execution's nodes have set them.
CREATE FUNCTION wfworker.variables(p_id uuid) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(json_object_agg(name, value), '{}') FROM (
        SELECT DISTINCT ON (v ->> 0) v ->> 0 AS name, v -> 2 AS value
          FROM wfworker.journal j
         CROSS JOIN LATERAL json_array_elements(wfworker.written_out(p_id, j.events)::json) WITH ORDINALITY e (event, n)
         CROSS JOIN LATERAL json_array_elements(CASE WHEN json_typeof(e.event -> 'variables') = 'array'
                                                     THEN e.event -> 'variables' ELSE '[]' END) WITH ORDINALITY x (v, m)
         WHERE j.execution_id = p_id AND strpos(j.events, '"variables"') > 0 AND coalesce(v ->> 1, '') NOT IN ('node', 'loop')
         ORDER BY v ->> 0, j.seq DESC, e.n DESC, x.m DESC) last);
END
$$;

-- Run it again, as a new execution of the workflow as it is now.  Without p_from_node from the beginning, with p_data or
-- with what it was started with.  From a node: the results of nodes that had finished and do not lie after it are kept,
-- with their outputs, the data and the variables; members of p_data replace those of the data.
CREATE FUNCTION wfworker.replay(p_execution text, p_from_node text DEFAULT NULL, p_data json DEFAULT NULL,
                                OUT id uuid, OUT execution_id text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r workflowexecution := wfworker.locked(p_execution);
    v_state json := coalesce(wfworker.full_state(r.id), '{}');
    v_workflow record;
    v_after text[];
    v_results text;
    v_completed json;
    v_data text;
    v_variables json;
    v_now timestamp := clock_timestamp() AT TIME ZONE 'UTC';
BEGIN
    IF p_data IS NOT NULL AND json_typeof(p_data) <> 'object' THEN
        RAISE EXCEPTION 'the data must be an object, not %', json_typeof(p_data) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p_from_node IS NULL THEN
        SELECT s.id, s.execution_id INTO id, execution_id
          FROM wfworker.submit(r.workflow_id::text, coalesce(p_data, wfworker.first_data(r.id, v_state))) s;
        PERFORM wfworker.add_log(id, 'system', 'info', format('Replay started from beginning of execution %s', r.id));
        RETURN;
    END IF;

    SELECT w.name, w.version, p.graph::json AS graph, p.rows::json AS rows INTO v_workflow
      FROM workflow w CROSS JOIN LATERAL wfworker.pin(w.id) p WHERE w.id = r.workflow_id;
    IF NOT EXISTS (SELECT FROM wfworker.graph_nodes(v_workflow.graph, v_workflow.rows) n WHERE n = p_from_node) THEN
        RAISE EXCEPTION 'workflow "%" has no node "%"', v_workflow.name, p_from_node
            USING ERRCODE = 'no_data_found', HINT = '"wfworker show" lists the nodes that ran.';
    END IF;
    v_after := ARRAY(SELECT a FROM wfworker.graph_after(v_workflow.graph, p_from_node) a WHERE a IS NOT NULL);
    SELECT '{' || coalesce(string_agg(to_json(n.key)::text || ': ' || n.value::text, ', ' ORDER BY n.n), '') || '}' INTO v_results
      FROM json_each(CASE WHEN json_typeof(v_state -> 'node_results') = 'object' THEN v_state -> 'node_results' ELSE '{}' END)
           WITH ORDINALITY n (key, value, n)
     WHERE NOT n.key = ANY (v_after);
    SELECT coalesce(json_agg(c.id ORDER BY c.n), '[]') INTO v_completed
      FROM json_array_elements_text(CASE WHEN json_typeof(v_state -> 'completed_node_ids') = 'array'
                                         THEN v_state -> 'completed_node_ids' ELSE '[]' END) WITH ORDINALITY c (id, n)
     WHERE NOT c.id = ANY (v_after);
    SELECT '{' || coalesce(string_agg(to_json(d.key)::text || ': ' || d.value::text, ', ' ORDER BY d.part, d.n), '') || '}' INTO v_data
      FROM (SELECT 1 AS part, o.* FROM json_each(CASE WHEN json_typeof(v_state -> 'execution_data') = 'object'
                                                      THEN v_state -> 'execution_data' ELSE '{}' END)
                   WITH ORDINALITY o (key, value, n)
             WHERE (p_data -> o.key) IS NULL
               AND o.key NOT IN (SELECT a || suffix FROM unnest(v_after) a, unnest(ARRAY['_output', '_parallel_result']) suffix)
            UNION ALL SELECT 2, o.* FROM json_each(coalesce(p_data, '{}')) WITH ORDINALITY o (key, value, n)) d;
    v_variables := wfworker.variables(r.id);

    id := gen_random_uuid();
    execution_id := 'exec-' || left(replace(gen_random_uuid()::text, '-', ''), 12);
    INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, current_node_id,
                                   execution_state, retry_count)
    VALUES (id, r.workflow_id, v_workflow.version, execution_id, 'running', v_now, p_from_node,
            format('{"execution_id": "%s", "workflow_id": "%s", "workflow_version": %s, "status": "running", '
                   '"current_node_id": %s, "completed_node_ids": %s, "node_results": %s, "execution_data": %s, '
                   '"started_at": "%s", "retry_count": 0, "variables": %s}',
                   execution_id, r.workflow_id, v_workflow.version, to_json(p_from_node), v_completed, v_results, v_data,
                   to_char(v_now, 'YYYY-MM-DD"T"HH24:MI:SS.US'), v_variables)::json, 0);
    PERFORM wfworker.add_log(id, 'start', 'info', 'Workflow execution started: ' || execution_id);
    PERFORM wfworker.add_log(id, 'system', 'info', 'Replay started from node: ' || p_from_node);
END
$$;
