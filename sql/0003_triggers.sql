-- SPDX-License-Identifier: Apache-2.0
-- How executions reach the ready queue: triggers on the backend's tables, in the transaction of whoever writes there, and
-- wfworker.submit().  The trigger functions run with the rights of the schema's owner and never read what they do not need.

-- The band 0..9 of the ready queue for an execution_state.  Never fails: what cannot be read is normal priority.
CREATE FUNCTION wfworker.band(p_priority text) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_priority IS NULL THEN 5
        WHEN lower(p_priority) = 'low' THEN 1
        WHEN lower(p_priority) = 'high' THEN 7
        WHEN lower(p_priority) = 'critical' THEN 9
        WHEN p_priority !~ '^[+-]?[0-9]{1,9}(\.[0-9]{0,9})?$' THEN 5
        WHEN p_priority::numeric < 0 THEN 0
        WHEN p_priority::numeric < 5 THEN trunc(p_priority::numeric)
        WHEN p_priority::numeric < 10 THEN 5
        WHEN p_priority::numeric < 20 THEN 7
        ELSE 9
    END::smallint
$$;

CREATE FUNCTION wfworker.band_of(p_state text) RETURNS smallint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_state IS NULL OR strpos(p_state, '"priority"') = 0 THEN
        RETURN 5;
    END IF;
    RETURN wfworker.band(coalesce(p_state::json ->> 'priority',
                                  p_state::json -> 'execution_data' ->> 'priority',
                                  p_state::json -> 'execution_data' -> 'trigger_data' ->> 'priority'));
EXCEPTION WHEN others THEN
    RETURN 5;
END
$$;

-- A notification takes a lock of the whole instance at commit: only when somebody sleeps.  Two of those that do are woken, on
-- channels of their own: one is enough for the work, the second one is for a first one that is dead without having been
-- missed.  Who then finds more than it takes wakes others (wfworker.claim()).  p_needs: node types that they must have.
CREATE FUNCTION wfworker.wake(p_needs text[] DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_needs IS NULL THEN -- a statement without a parameter: its plan is kept from the first time on
        PERFORM pg_notify('wfworker_' || q.id, '')
           FROM (SELECT w.id FROM wfworker.worker w WHERE w.idle AND w.seen_at > now() - interval '2 minutes'
                  ORDER BY random() LIMIT 2) q;
    ELSE
        PERFORM pg_notify('wfworker_' || q.id, '')
           FROM (SELECT w.id FROM wfworker.worker w
                  WHERE w.idle AND w.seen_at > now() - interval '2 minutes' AND p_needs <@ w.node_types
                  ORDER BY random() LIMIT 2) q;
    END IF;
END
$$;

-- Into the lane of its workflow, if that is known; else the next claim finds it out.  Then somebody is woken for each thing that is
-- needed, unless all are busy.
CREATE FUNCTION wfworker.on_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_needs text[];
BEGIN
    INSERT INTO wfworker.task (execution_id, priority, due_at, seq, since, lane, ready)
    SELECT r.id, wfworker.band_of(r.execution_state::text), clock_timestamp(), 0, 'infinity', l.id, l.id IS NOT NULL
      FROM new_rows r LEFT JOIN wfworker.lane l ON l.workflow_id = r.workflow_id AND l.part = ''
     WHERE r.status IN ('running', 'pending')
    ON CONFLICT (execution_id) DO NOTHING;
    IF FOUND THEN
        FOR v_needs IN SELECT DISTINCT l.needs FROM new_rows r LEFT JOIN wfworker.lane l ON l.workflow_id = r.workflow_id AND l.part = ''
                        WHERE r.status IN ('running', 'pending') AND EXISTS (SELECT FROM wfworker.worker w WHERE w.idle) LOOP
            PERFORM wfworker.wake(v_needs);
        END LOOP;
    END IF;
    RETURN NULL;
END
$$;

-- The status was changed by somebody else than a worker: pause, resume, terminate, retry, replay.  What has begun is ended by a
-- worker, which writes the end as every other; a row that was over for us and is paused is looked at, too.  A row that failed:
-- a retry that is taken away acts at once, one that is planned is taken up.
CREATE FUNCTION wfworker.on_status() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_worker bigint;
    v_retry boolean := NEW.status = 'failed' AND NEW.completed_at IS NULL AND NEW.next_retry_at IS NOT NULL;
    v_over boolean := NEW.status = 'completed' OR (NEW.status = 'failed' AND NOT v_retry);
    v_again boolean := NEW.status IN ('running', 'pending') OR v_retry;
BEGIN
    IF NEW.status IS NOT DISTINCT FROM OLD.status AND (NEW.status <> 'failed' OR
           (v_retry = (OLD.completed_at IS NULL AND OLD.next_retry_at IS NOT NULL)
            AND NOT (v_retry AND NEW.error_message IS DISTINCT FROM OLD.error_message))) THEN
        RETURN NULL;
    END IF;
    IF v_over THEN
        PERFORM wfworker.note_over(ARRAY[NEW.id]);
    END IF;
    UPDATE wfworker.task t
       SET poked = true, due_at = CASE WHEN t.worker IS NULL AND NOT t.ready THEN now() ELSE t.due_at END
     WHERE t.execution_id = NEW.id RETURNING t.worker INTO v_worker;
    IF FOUND THEN
        IF v_worker IS NOT NULL THEN
            PERFORM pg_notify('wfworker', NEW.id::text);
        ELSIF v_over AND (NEW.status = 'completed' OR NOT wfworker.has_begun(NEW.id)) THEN
            DELETE FROM wfworker.task t WHERE t.execution_id = NEW.id; -- nobody has anything to write
        ELSE
            PERFORM wfworker.wake();
        END IF;
    ELSIF v_again OR (NEW.status = 'paused' AND wfworker.has_begun(NEW.id)) THEN
        IF v_again AND wfworker.never_ran(NEW) THEN
            DELETE FROM wfworker.journal j WHERE j.execution_id = NEW.id;
        END IF;
        DELETE FROM wfworker.old_execution o WHERE o.execution_id = NEW.id;
        INSERT INTO wfworker.task (execution_id, priority, due_at)
        VALUES (NEW.id, wfworker.band_of(NEW.execution_state::text),
                CASE WHEN v_retry THEN greatest(NEW.next_retry_at, 'epoch') AT TIME ZONE 'UTC' ELSE now() END)
        ON CONFLICT (execution_id) DO NOTHING;
        PERFORM wfworker.wake();
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION wfworker.on_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('wfworker', t.execution_id::text)
       FROM wfworker.task t JOIN old_rows r ON t.execution_id = r.id WHERE t.worker IS NOT NULL;
    DELETE FROM wfworker.task t USING old_rows r WHERE t.execution_id = r.id;
    DELETE FROM wfworker.snapshot s USING old_rows r WHERE s.execution_id = r.id;
    DELETE FROM wfworker.journal j USING old_rows r WHERE j.execution_id = r.id;
    DELETE FROM wfworker.old_execution o USING old_rows r WHERE o.execution_id = r.id;
    RETURN NULL;
END
$$;

-- Are our triggers on the backend's table, and enabled?
CREATE FUNCTION wfworker.has_triggers() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT count(*) = 3 FROM pg_trigger
     WHERE tgrelid = to_regclass('workflowexecution') AND tgenabled IN ('O', 'A')
       AND tgname IN ('wfworker_insert', 'wfworker_status', 'wfworker_delete')
$$;

-- Make the triggers that are missing; run by every `wfworker migrate`.  Without the right to do so the workers' sweep finds
-- new executions at the poll interval.  Returns '' or why it was not possible.
CREATE FUNCTION wfworker.install_triggers() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_table regclass := to_regclass('workflowexecution');
BEGIN
    IF v_table IS NULL THEN
        RETURN 'there is no table workflowexecution';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = v_table AND tgname = 'wfworker_insert') THEN
        EXECUTE format('CREATE TRIGGER wfworker_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION wfworker.on_insert()', v_table);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = v_table AND tgname = 'wfworker_status') THEN
        -- No column is named here: the backend's own migrations could not change the column's type any more.
        EXECUTE format('CREATE TRIGGER wfworker_status AFTER UPDATE ON %s FOR EACH ROW
                        WHEN (current_setting(''wfworker.saving'', true) IS DISTINCT FROM ''1'')
                        EXECUTE FUNCTION wfworker.on_status()', v_table);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = v_table AND tgname = 'wfworker_delete') THEN
        EXECUTE format('CREATE TRIGGER wfworker_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION wfworker.on_delete()', v_table);
    END IF;
    RETURN '';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END
$$;

-- Start an execution in the caller's own transaction, as the backend does.  p_workflow is the id or the name.  The same
-- p_key gives the same execution again.  p_priority is low, normal, high, critical or a number.
CREATE FUNCTION wfworker.submit(p_workflow text, p_data json DEFAULT '{}', p_key text DEFAULT NULL,
                                p_priority text DEFAULT NULL, p_delay interval DEFAULT NULL,
                                OUT id uuid, OUT execution_id text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_workflow uuid;
    v_version integer;
    v_count bigint;
    v_now timestamp := clock_timestamp() AT TIME ZONE 'UTC';
    v_iso text;
    v_state text;
BEGIN
    IF p_workflow ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
        SELECT w.id, w.version INTO v_workflow, v_version FROM workflow w WHERE w.id = p_workflow::uuid;
        v_count := CASE WHEN FOUND THEN 1 ELSE 0 END;
    ELSE
        SELECT count(*) INTO v_count FROM workflow w WHERE w.name = p_workflow;
        SELECT w.id, w.version INTO v_workflow, v_version FROM workflow w WHERE w.name = p_workflow LIMIT 1;
    END IF;
    IF v_count = 0 THEN
        RAISE EXCEPTION 'there is no workflow "%"', p_workflow
            USING ERRCODE = 'no_data_found', HINT = '"wfworker workflow list" shows the workflows.';
    ELSIF v_count > 1 THEN
        RAISE EXCEPTION '% workflows have the name "%"', v_count, p_workflow
            USING ERRCODE = 'cardinality_violation', HINT = 'Name the workflow by its id.';
    END IF;
    IF p_data IS NOT NULL AND json_typeof(p_data) <> 'object' THEN
        RAISE EXCEPTION 'the trigger data must be an object, not %', json_typeof(p_data)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    id := gen_random_uuid();
    execution_id := 'exec-' || left(replace(gen_random_uuid()::text, '-', ''), 12);
    IF p_key IS NOT NULL THEN
        INSERT INTO wfworker.submission (key, execution_id) VALUES (p_key, id) ON CONFLICT (key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT e.id, e.execution_id INTO id, execution_id
              FROM wfworker.submission s JOIN workflowexecution e ON e.id = s.execution_id WHERE s.key = p_key;
            IF FOUND THEN
                RETURN;
            END IF;
            RAISE EXCEPTION 'the execution that was submitted with key "%" is gone', p_key
                USING ERRCODE = 'no_data_found', HINT = 'Use another key.';
        END IF;
    END IF;

    v_iso := to_char(v_now, 'YYYY-MM-DD"T"HH24:MI:SS.US');
    v_state := format('{"execution_id": "%s", "workflow_id": "%s", "workflow_version": %s, "status": "running", '
                      '"current_node_id": null, "completed_node_ids": [], "node_results": {}, "execution_data": %s, '
                      '"started_at": "%s", "retry_count": 0}',
                      execution_id, v_workflow, v_version, coalesce(p_data::text, '{}'), v_iso);
    INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state,
                                   retry_count)
    VALUES (id, v_workflow, v_version, execution_id, 'running', v_now, v_state::json, 0);
    INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")
    VALUES (gen_random_uuid(), id, 'start', 'info', 'Workflow execution started: ' || execution_id, v_now);
    INSERT INTO wfworker.task AS t (execution_id, priority, due_at, seq, since)
    VALUES (id, CASE WHEN p_priority IS NULL THEN wfworker.band_of(v_state) ELSE wfworker.band(p_priority) END,
            clock_timestamp() + coalesce(p_delay, interval '0'), 0, 'infinity')
    ON CONFLICT (execution_id) DO UPDATE
       SET priority = excluded.priority, due_at = excluded.due_at, ready = t.ready AND p_delay IS NULL;
    IF p_delay IS NULL THEN
        PERFORM wfworker.wake();
    END IF;
END
$$;
