-- SPDX-License-Identifier: Apache-2.0
-- Signals.  The rows are the backend's (workflowsignal); this is an index of those that no execution has used yet, since the
-- backend's table has none that would find them, and the ways to them.

CREATE TABLE wfworker.signal_waiting (
    execution_id uuid NOT NULL,
    id uuid NOT NULL,                        -- workflowsignal.id
    n bigint GENERATED ALWAYS AS IDENTITY,   -- order of coming, where received_at is the same
    PRIMARY KEY (execution_id, id)
);

-- The execution's row before its task, as everybody else locks them.
CREATE FUNCTION wfworker.on_signal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_worker bigint;
    v_wake boolean := false;
    r record;
BEGIN
    FOR r IN SELECT s.execution_id, s.id FROM new_rows s WHERE NOT s.processed ORDER BY s.execution_id, s.received_at LOOP
        INSERT INTO wfworker.signal_waiting (execution_id, id) VALUES (r.execution_id, r.id) ON CONFLICT DO NOTHING;
        EXECUTE format('SELECT FROM %I.workflowexecution x WHERE x.id = $1 FOR NO KEY UPDATE', TG_TABLE_SCHEMA)
          USING r.execution_id;
        UPDATE wfworker.task t
           SET poked = true, due_at = CASE WHEN t.worker IS NULL AND NOT t.ready THEN now() ELSE t.due_at END
         WHERE t.execution_id = r.execution_id RETURNING t.worker INTO v_worker;
        IF FOUND AND v_worker IS NOT NULL THEN
            PERFORM pg_notify('wfworker', r.execution_id::text);
        ELSIF FOUND THEN
            v_wake := true;
        END IF;
    END LOOP;
    IF v_wake THEN
        PERFORM wfworker.wake();
    END IF;
    RETURN NULL;
END
$$;

-- The unused signals of an execution, oldest first, each as JSON [id, type, data].  Volatile: it has to see what was committed
-- before the task was taken.
CREATE FUNCTION wfworker.signals(p_id uuid) RETURNS text[] LANGUAGE plpgsql STRICT VOLATILE SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM wfworker.signal_waiting s WHERE s.execution_id = p_id) OR to_regclass('workflowsignal') IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT array_agg(json_build_array(q.id, q.signal_type, q.signal_data)::text ORDER BY q.received_at, q.n)
              FROM (SELECT w.id, w.signal_type, w.signal_data, w.received_at, s.n
                      FROM wfworker.signal_waiting s JOIN workflowsignal w ON w.id = s.id
                     WHERE s.execution_id = p_id AND NOT w.processed
                     ORDER BY w.received_at, s.n LIMIT 10000) q);
END
$$;

-- wfworker.sweep(), and signals that no trigger told us of.
CREATE FUNCTION wfworker.sweep_all(p_failed boolean, p_status boolean) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF (p_failed OR p_status) AND to_regclass('workflowsignal') IS NOT NULL THEN
        WITH found AS (
            INSERT INTO wfworker.signal_waiting (execution_id, id)
            SELECT w.execution_id, w.id FROM workflowsignal w
             WHERE NOT w.processed
               AND NOT EXISTS (SELECT FROM wfworker.signal_waiting s WHERE s.execution_id = w.execution_id AND s.id = w.id)
             ORDER BY w.received_at LIMIT 10000
            ON CONFLICT DO NOTHING
            RETURNING execution_id
        ), free AS MATERIALIZED (
            SELECT t.execution_id FROM wfworker.task t WHERE t.execution_id IN (SELECT f.execution_id FROM found f)
             ORDER BY t.execution_id FOR NO KEY UPDATE
        )
        UPDATE wfworker.task t SET poked = true, due_at = CASE WHEN t.worker IS NULL AND NOT t.ready THEN now() ELSE t.due_at END
          FROM free WHERE t.execution_id = free.execution_id;
    END IF;
    IF p_failed AND to_regclass('workflowsignal') IS NOT NULL THEN
        DELETE FROM wfworker.signal_waiting s
         WHERE NOT EXISTS (SELECT FROM workflowsignal w WHERE w.id = s.id AND NOT w.processed);
    END IF;
    RETURN wfworker.sweep(p_failed, p_status);
END
$$;

-- Send a signal in the caller's own transaction, as the backend does.  p_execution is the id or the execution_id (exec-...).
-- It is kept until a node of the execution waits for it.
CREATE FUNCTION wfworker.signal(p_execution text, p_type text, p_data json DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_execution uuid;
    v_status text;
    v_id uuid := gen_random_uuid();
BEGIN
    IF p_execution ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
        SELECT x.id, x.status INTO v_execution, v_status FROM workflowexecution x WHERE x.id = p_execution::uuid;
    ELSE
        SELECT x.id, x.status INTO v_execution, v_status FROM workflowexecution x WHERE x.execution_id = p_execution;
    END IF;
    IF v_execution IS NULL THEN
        RAISE EXCEPTION 'there is no execution "%"', p_execution
            USING ERRCODE = 'no_data_found', HINT = '"wfworker list" shows the executions.';
    ELSIF coalesce(p_type, '') = '' OR length(p_type) > 100 THEN
        RAISE EXCEPTION 'the type of a signal has 1 to 100 characters' USING ERRCODE = 'invalid_parameter_value';
    ELSIF v_status = 'completed' THEN
        RAISE EXCEPTION 'execution "%" is completed', p_execution
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Nothing waits for a signal there any more.';
    END IF;
    INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)
    VALUES (v_id, v_execution, p_type, p_data, clock_timestamp() AT TIME ZONE 'UTC', false);
    RETURN v_id;
END
$$;

CREATE OR REPLACE FUNCTION wfworker.has_triggers() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT count(*) = 3 + (to_regclass('workflowsignal') IS NOT NULL)::integer FROM pg_trigger
     WHERE tgenabled IN ('O', 'A')
       AND ((tgrelid = to_regclass('workflowexecution') AND tgname IN ('wfworker_insert', 'wfworker_status', 'wfworker_delete'))
         OR (tgrelid = to_regclass('workflowsignal') AND tgname = 'wfworker_signal'))
$$;

-- As install_triggers().
CREATE FUNCTION wfworker.install_signal_triggers() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_table regclass := to_regclass('workflowsignal');
BEGIN
    IF v_table IS NULL OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = v_table AND tgname = 'wfworker_signal') THEN
        RETURN '';
    END IF;
    EXECUTE format('CREATE TRIGGER wfworker_signal AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION wfworker.on_signal()', v_table);
    RETURN '';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END
$$;
