-- SPDX-License-Identifier: Apache-2.0
-- Requests to people (node type human_approval): the request is a row here, the answer is a signal.

CREATE TABLE wfworker.approval (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    execution_id uuid NOT NULL,
    ask uuid NOT NULL,                       -- the execution's own name for it
    node text NOT NULL,
    activation text NOT NULL,                -- which run of the node: its idempotency key
    signal text NOT NULL,                    -- the type of the signal that answers it
    message text,
    options json,                            -- an array of texts; null: any answer
    default_option text,
    asked_at timestamptz NOT NULL DEFAULT now(),
    deadline timestamptz,                    -- null: none
    sent_at timestamptz,                     -- wfworker.answer() has sent the answer; the node has perhaps not seen it yet
    closed_at timestamptz,
    how text CHECK (how IN ('answered', 'timeout', 'cancelled')),
    choice text,
    answer json,                             -- the whole signal
    answered_by text,
    UNIQUE (execution_id, ask)
);
CREATE INDEX approval_open ON wfworker.approval (execution_id) WHERE closed_at IS NULL;

-- ---- What a node asks ----

-- {id, node, activation, signal, about: {message, options, default_option, deadline_ms}}.
CREATE FUNCTION wfworker.ask_request(p_execution uuid, p_body json) RETURNS void LANGUAGE sql AS $$
    INSERT INTO wfworker.approval (execution_id, ask, node, activation, signal, message, options, default_option, deadline)
    SELECT p_execution, (p_body ->> 'id')::uuid, p_body ->> 'node', p_body ->> 'activation', p_body ->> 'signal',
           q ->> 'message', CASE WHEN json_typeof(q -> 'options') = 'array' THEN q -> 'options' END, q ->> 'default_option',
           to_timestamp(CASE WHEN json_typeof(q -> 'deadline_ms') = 'number' THEN (q ->> 'deadline_ms')::numeric / 1000 END)
      FROM (SELECT p_body -> 'about') r (q)
    ON CONFLICT DO NOTHING
$$;

-- {id, choice, answer}: answered, or decided when nobody answered in time (no member answer).
CREATE FUNCTION wfworker.ask_request_over(p_execution uuid, p_body json) RETURNS void LANGUAGE sql AS $$
    UPDATE wfworker.approval a
       SET closed_at = clock_timestamp(), how = CASE WHEN p_body -> 'answer' IS NULL THEN 'timeout' ELSE 'answered' END,
           choice = p_body ->> 'choice', answer = p_body -> 'answer',
           answered_by = CASE WHEN json_typeof(p_body -> 'answer') = 'object' THEN p_body -> 'answer' ->> 'answered_by' END
     WHERE a.execution_id = p_execution AND a.ask = (p_body ->> 'id')::uuid AND a.closed_at IS NULL
$$;

-- {id}: its node ended in another way.
CREATE FUNCTION wfworker.ask_request_closed(p_execution uuid, p_body json) RETURNS void LANGUAGE sql AS $$
    UPDATE wfworker.approval a
       SET closed_at = clock_timestamp(), how = CASE WHEN a.deadline <= clock_timestamp() THEN 'timeout' ELSE 'cancelled' END
     WHERE a.execution_id = p_execution AND a.ask = (p_body ->> 'id')::uuid AND a.closed_at IS NULL
$$;

CREATE FUNCTION wfworker.over_approvals(p_execution uuid, p_status text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_status IS NULL THEN
        DELETE FROM wfworker.approval a WHERE a.execution_id = p_execution;
    ELSE
        UPDATE wfworker.approval a SET closed_at = clock_timestamp(), how = 'cancelled'
         WHERE a.execution_id = p_execution AND a.closed_at IS NULL;
    END IF;
END
$$;

-- From time to time: those of executions that are deleted.
CREATE FUNCTION wfworker.sweep_approvals(p_clean boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_clean THEN
        DELETE FROM wfworker.approval a WHERE NOT EXISTS (SELECT FROM workflowexecution x WHERE x.id = a.execution_id);
    END IF;
END
$$;

-- ---- For people and programs ----

-- What can be answered now, oldest first.
CREATE FUNCTION wfworker.open_approvals()
RETURNS TABLE (id bigint, execution_id text, execution uuid, workflow text, node text, message text, options json,
               default_option text, asked_at timestamptz, deadline timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT a.id, x.execution_id::text, x.id, w.name::text, a.node, a.message, a.options, a.default_option, a.asked_at, a.deadline
      FROM wfworker.approval a
      JOIN workflowexecution x ON x.id = a.execution_id
      LEFT JOIN workflow w ON w.id = x.workflow_id
     WHERE a.closed_at IS NULL AND a.sent_at IS NULL AND x.status IN ('running', 'pending', 'waiting_for_signal', 'paused')
     ORDER BY a.asked_at, a.id
$$;
CREATE VIEW wfworker.approvals AS SELECT * FROM wfworker.open_approvals();

-- Answer a request in the caller's own transaction: the answer is the signal that its node waits for, and for no other node.
-- p_by is who answers, kept with the answer.  Returns the id of the signal.
CREATE FUNCTION wfworker.answer(p_id bigint, p_choice text, p_data json DEFAULT NULL, p_by text DEFAULT session_user)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    a wfworker.approval;
    r workflowexecution;
    v_signal uuid := gen_random_uuid();
BEGIN
    SELECT * INTO a FROM wfworker.approval q WHERE q.id = p_id;
    IF a.id IS NULL THEN
        RAISE EXCEPTION 'there is no request for approval %', p_id
            USING ERRCODE = 'no_data_found', HINT = '"wfworker approvals" shows the open ones.';
    END IF;
    r := wfworker.locked(a.execution_id::text); -- first, as everybody else does
    SELECT * INTO a FROM wfworker.approval q WHERE q.id = p_id FOR NO KEY UPDATE;
    IF a.closed_at IS NOT NULL OR a.sent_at IS NOT NULL THEN
        RAISE EXCEPTION 'the request for approval of node "%" in execution "%" is %', a.node, r.execution_id,
            CASE WHEN a.how IS NULL OR a.how = 'answered' THEN 'answered already' WHEN a.how = 'timeout' THEN 'over: its time has passed'
                 ELSE 'withdrawn' END
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = '"wfworker approvals" shows the open ones.';
    ELSIF r.status NOT IN ('running', 'pending', 'waiting_for_signal', 'paused') THEN
        RAISE EXCEPTION 'execution "%" does not wait for an answer, it is %', r.execution_id, r.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    ELSIF a.options IS NOT NULL AND NOT EXISTS (SELECT FROM json_array_elements_text(a.options) o (text) WHERE o.text = p_choice) THEN
        RAISE EXCEPTION '"%" is no answer to the request of node "%"', p_choice, a.node
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('The answers are: %s.', (SELECT string_agg(o.text, ', ') FROM json_array_elements_text(a.options) o (text)));
    END IF;
    UPDATE wfworker.approval q SET sent_at = clock_timestamp() WHERE q.id = a.id;
    INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)
    VALUES (v_signal, a.execution_id, a.signal,
            json_build_object('choice', p_choice, 'data', p_data, 'answered_by', p_by, 'request', a.ask),
            clock_timestamp() AT TIME ZONE 'UTC', false);
    RETURN v_signal;
END
$$;

-- The same by execution and node; of several open requests of the node the oldest.
CREATE FUNCTION wfworker.answer(p_execution text, p_node text, p_choice text, p_data json DEFAULT NULL,
                                p_by text DEFAULT session_user)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution := wfworker.locked(p_execution);
    v_id bigint;
BEGIN
    SELECT a.id INTO v_id FROM wfworker.approval a
     WHERE a.execution_id = r.id AND a.node = p_node AND a.closed_at IS NULL AND a.sent_at IS NULL ORDER BY a.asked_at, a.id LIMIT 1;
    IF v_id IS NULL THEN
        RAISE EXCEPTION 'node "%" of execution "%" does not ask for approval', p_node, r.execution_id
            USING ERRCODE = 'no_data_found', HINT = '"wfworker approvals" shows the open requests.';
    END IF;
    RETURN wfworker.answer(v_id, p_choice, p_data, p_by);
END
$$;
