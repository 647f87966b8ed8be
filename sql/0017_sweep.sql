-- SPDX-License-Identifier: Apache-2.0
-- The sweep between two full ones: a part of the executions at a time, so that what it costs does not grow with what is queued.

ALTER TABLE wfworker.meta ADD COLUMN swept_to bigint NOT NULL DEFAULT 0; -- the block of workflowexecution where the next part begins

-- Find in the next p_blocks blocks of the table what no trigger told us, and go on behind them next time, from the beginning
-- after the end.  Who comes while another one does so leaves it to him.  Returns how many were found.
CREATE FUNCTION wfworker.sweep_part(p_blocks bigint) RETURNS bigint LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_from bigint;
    v_blocks bigint := pg_relation_size('workflowexecution') / current_setting('block_size')::bigint;
    v_count bigint;
BEGIN
    SELECT m.swept_to INTO v_from FROM wfworker.meta m FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    v_from := CASE WHEN v_from < v_blocks THEN v_from ELSE 0 END;
    WITH part AS MATERIALIZED (
        SELECT x.id, x.execution_state::text AS state FROM workflowexecution x
         WHERE x.ctid >= format('(%s,0)', v_from)::tid AND x.ctid < format('(%s,0)', v_from + p_blocks)::tid
           AND x.status IN ('running', 'pending')
    )
    INSERT INTO wfworker.task (execution_id, priority, due_at)
    SELECT e.id, wfworker.band_of(e.state), now() FROM part e
     WHERE NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = ANY (ARRAY[e.id]))
       AND NOT EXISTS (SELECT FROM wfworker.old_execution o WHERE o.execution_id = ANY (ARRAY[e.id]))
    ON CONFLICT (execution_id) DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    UPDATE wfworker.meta m SET swept_to = v_from + p_blocks;
    RETURN v_count;
END
$$;
