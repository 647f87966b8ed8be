-- SPDX-License-Identifier: Apache-2.0
-- What somebody writes into a row that failed: a retry that is taken away acts at once, one that is planned is taken up at once,
-- and an execution that never ran, because its definition has errors, begins anew with the definition as it is now.  Whom an
-- end concerns is told.

-- Nothing of it ever ran: its history is its start, and no node is where it is.  (A name of a large value begins with a NUL
-- character, which json takes but cannot look behind: here it does without.)
CREATE FUNCTION wfworker.never_ran(r workflowexecution) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT r.current_node_id IS NULL
       AND EXISTS (SELECT FROM wfworker.journal j WHERE j.execution_id = r.id)
       AND NOT EXISTS (SELECT FROM wfworker.snapshot s WHERE s.execution_id = r.id)
       AND NOT EXISTS (SELECT FROM wfworker.journal j, json_array_elements(replace(j.events, '"\u0000', '"')::json) e
                        WHERE j.execution_id = r.id AND e ->> 'ev' NOT IN ('start', 'retry'))
$$;

-- As before, and the above.
CREATE OR REPLACE FUNCTION wfworker.on_status() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
