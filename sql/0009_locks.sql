-- SPDX-License-Identifier: Apache-2.0
-- Locks that executions share (node type mutex), and signals that they send each other (send_signal).
--
-- Both are asks (0008).  A grant concerns somebody else than who gives the lock back: it must neither fail nor wait because that
-- one's rows are locked right now, or the lock would stay where it is.  So who is told is poked at once when that is
-- possible, and else by an ask of his own.

-- Who holds a lock and who waits for it, in the order of asking.  Changed only while the advisory lock of the key is held.
CREATE TABLE wfworker.lock_ticket (
    execution_id uuid NOT NULL,
    id uuid NOT NULL,                        -- of the ask
    key text NOT NULL,
    n bigint NOT NULL,                       -- order of asking
    node text NOT NULL,
    most integer NOT NULL CHECK (most > 0),  -- how many may hold it at once
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    granted_at timestamptz,
    PRIMARY KEY (execution_id, id)
);
CREATE INDEX lock_ticket_waits ON wfworker.lock_ticket (key, n) WHERE granted_at IS NULL;
CREATE INDEX lock_ticket_held ON wfworker.lock_ticket (key) WHERE granted_at IS NOT NULL;

-- ---- Telling somebody else ----

CREATE FUNCTION wfworker.ask_poke(p_execution uuid, p_body json) RETURNS void LANGUAGE sql AS $$
    SELECT wfworker.poke(p_execution)
$$;

-- As wfworker.tell(), without waiting.
CREATE FUNCTION wfworker.tell_soon(p_id uuid, p_type text, p_data json) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = p_id) THEN
        RETURN;
    END IF;
    INSERT INTO wfworker.inbox (execution_id, type, data) VALUES (p_id, p_type, p_data);
    PERFORM FROM wfworker.task t WHERE t.execution_id = p_id FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        PERFORM wfworker.poke(p_id);
    ELSE
        INSERT INTO wfworker.outbox (execution_id, kind, body) VALUES (p_id, 'poke', '{}');
    END IF;
END
$$;

-- ---- Locks ----

-- One at a time for each key; who comes second sees all that the first one left.  Keys whose hashes are equal share it.
CREATE FUNCTION wfworker.alone(p_key text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(779033754, hashtext(p_key))
$$;

-- Whose turn it is: from the front, as long as each may join those that hold it.
CREATE FUNCTION wfworker.grant_lock(p_key text) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_held bigint;
    r record;
BEGIN
    SELECT count(*) INTO v_held FROM wfworker.lock_ticket t WHERE t.key = p_key AND t.granted_at IS NOT NULL;
    FOR r IN SELECT t.* FROM wfworker.lock_ticket t WHERE t.key = p_key AND t.granted_at IS NULL ORDER BY t.n LOOP
        EXIT WHEN v_held >= r.most;
        UPDATE wfworker.lock_ticket t SET granted_at = clock_timestamp() WHERE t.execution_id = r.execution_id AND t.id = r.id;
        PERFORM wfworker.tell_soon(r.execution_id, ':answer:' || r.id, json_build_object('key', p_key));
        v_held := v_held + 1;
    END LOOP;
END
$$;

-- {id, key, limit, node}.  Its place is that of its ask in the outbox, which is the first of the execution now.
CREATE FUNCTION wfworker.ask_lock(p_execution uuid, p_body json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_key text := p_body ->> 'key';
BEGIN
    PERFORM wfworker.alone(v_key);
    INSERT INTO wfworker.lock_ticket (execution_id, id, key, n, node, most)
    SELECT t.execution_id, (p_body ->> 'id')::uuid, v_key,
           coalesce((SELECT min(o.id) FROM wfworker.outbox o WHERE o.execution_id = p_execution), 0), p_body ->> 'node',
           (p_body ->> 'limit')::integer
      FROM wfworker.task t WHERE t.execution_id = p_execution
    ON CONFLICT DO NOTHING;
    PERFORM wfworker.grant_lock(v_key);
END
$$;

-- {id, key}: given back, or not wanted any more.
CREATE FUNCTION wfworker.ask_unlock(p_execution uuid, p_body json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM wfworker.alone(p_body ->> 'key');
    DELETE FROM wfworker.lock_ticket t WHERE t.execution_id = p_execution AND t.id = (p_body ->> 'id')::uuid;
    PERFORM wfworker.grant_lock(p_body ->> 'key');
END
$$;

-- What an execution still has when it is over.  One that failed and that a worker still has to end may be at work under the
-- lock: it gives it back itself.  Of one that somebody else says is completed a worker only lets go: until then the lock is kept.
CREATE FUNCTION wfworker.over_locks(p_execution uuid, p_status text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_held boolean;
    v_key text;
BEGIN
    SELECT t.worker IS NOT NULL AND t.due_at > now() INTO v_held FROM wfworker.task t WHERE t.execution_id = p_execution;
    IF FOUND AND p_status = 'failed' THEN
        RETURN;
    ELSIF v_held AND EXISTS (SELECT FROM wfworker.lock_ticket t WHERE t.execution_id = p_execution) THEN
        RAISE EXCEPTION 'a worker still holds execution %', p_execution USING ERRCODE = 'lock_not_available';
    END IF;
    FOR v_key IN SELECT DISTINCT t.key FROM wfworker.lock_ticket t WHERE t.execution_id = p_execution ORDER BY 1 LOOP
        PERFORM wfworker.alone(v_key);
        DELETE FROM wfworker.lock_ticket t WHERE t.execution_id = p_execution AND t.key = v_key;
        PERFORM wfworker.grant_lock(v_key);
    END LOOP;
END
$$;

-- Places of executions that no worker has to do any more, and of whose end nobody told.
CREATE FUNCTION wfworker.sweep_locks() RETURNS void LANGUAGE sql AS $$
    INSERT INTO wfworker.outbox (execution_id, kind, body)
    SELECT t.execution_id, 'over', '{}' FROM (SELECT DISTINCT l.execution_id FROM wfworker.lock_ticket l) t
     WHERE NOT EXISTS (SELECT FROM wfworker.task k WHERE k.execution_id = t.execution_id)
       AND NOT EXISTS (SELECT FROM wfworker.outbox o WHERE o.execution_id = t.execution_id)
$$;

-- ---- Signals ----

-- {id, execution or null, type, data}: a signal, as the backend makes it, for an execution of the same owner: whose the others
-- are, and that they are there, is nothing to a workflow.  Nothing is waited for: what is locked is tried again.
CREATE FUNCTION wfworker.ask_send(p_execution uuid, p_body json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_name text := p_body ->> 'execution';
    v_reply text := ':answer:' || (p_body ->> 'id');
    v_to uuid;
    v_status text;
    v_type text;
    v_text text;
    v_id uuid := gen_random_uuid();
BEGIN
    IF v_name IS NULL THEN
        v_to := p_execution;
    ELSIF v_name ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
        v_to := v_name::uuid;
    ELSE
        SELECT x.id INTO v_to FROM workflowexecution x WHERE x.execution_id = v_name;
    END IF;
    SELECT x.status INTO v_status FROM workflowexecution x
     WHERE x.id = v_to AND EXISTS (
               SELECT FROM workflowexecution own JOIN workflow f ON f.id = own.workflow_id JOIN workflow g ON g.owner_id = f.owner_id
                WHERE own.id = p_execution AND g.id = x.workflow_id)
       FOR NO KEY UPDATE OF x;
    IF v_status IS NULL THEN
        v_type := 'execution_unknown';
        v_text := format('there is no execution "%s"', left(v_name, 100));
    ELSIF v_status = 'completed' THEN
        v_type := 'execution_ended';
        v_text := format('execution "%s" is completed, nothing waits for a signal there any more', left(coalesce(v_name, v_to::text), 100));
    ELSIF to_regclass('workflowsignal') IS NULL THEN
        v_type := 'send_failed';
        v_text := 'there is no table workflowsignal';
    END IF;
    IF v_type IS NOT NULL THEN
        PERFORM wfworker.tell(p_execution, v_reply, json_build_object('error', json_build_object('type', v_type, 'message', v_text)));
        RETURN;
    END IF;
    INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)
    VALUES (v_id, v_to, p_body ->> 'type', p_body -> 'data', clock_timestamp() AT TIME ZONE 'UTC', false);
    INSERT INTO wfworker.signal_waiting (execution_id, id) VALUES (v_to, v_id) ON CONFLICT DO NOTHING;
    PERFORM wfworker.poke(v_to);
    PERFORM wfworker.tell(p_execution, v_reply, json_build_object('signal_id', v_id));
END
$$;

-- ---- Questions ----

-- Who holds which lock, and who waits for it: place 0 holds it, 1 is next.  The view stands on a function, so that the backend
-- can change its tables.
CREATE FUNCTION wfworker.all_locks()
RETURNS TABLE (key text, execution_id text, execution uuid, node text, held boolean, place bigint, since timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT t.key, x.execution_id::text, t.execution_id, t.node, t.granted_at IS NOT NULL,
           CASE WHEN t.granted_at IS NOT NULL THEN 0
                ELSE row_number() OVER (PARTITION BY t.key, t.granted_at IS NULL ORDER BY t.n) END,
           coalesce(t.granted_at, t.asked_at)
      FROM wfworker.lock_ticket t LEFT JOIN workflowexecution x ON x.id = t.execution_id
     ORDER BY t.key, t.granted_at IS NULL, t.n
$$;
CREATE VIEW wfworker.locks AS SELECT * FROM wfworker.all_locks();

-- What an execution waits for: an array of {key, node, place, holders}.
CREATE FUNCTION wfworker.lock_waits(p_id uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_agg(json_build_object('key', l.key, 'node', l.node, 'place', l.place, 'holders', (
               SELECT coalesce(json_agg(DISTINCT coalesce(h.execution_id, h.execution::text)), '[]') FROM wfworker.locks h
                WHERE h.key = l.key AND h.held)) ORDER BY l.key)
      FROM wfworker.locks l WHERE l.execution = p_id AND NOT l.held
$$;
