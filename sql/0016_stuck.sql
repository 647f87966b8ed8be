-- SPDX-License-Identifier: Apache-2.0
-- For operators: executions that nothing would ever take up again.  Empty unless something is wrong.

-- p_grace: how long a thing may last before it counts.  Reasons:
--   not queued    it is to run and stands in no queue (the sweep of a worker finds it, unless none runs)
--   not taken     it is due for so long and no worker takes it (none runs, none has its node types, or all are full)
--   leased        a worker that the registry does not know holds it, for longer than any lease
--   not woken     somebody changed it and it is not due
CREATE FUNCTION wfworker.find_stuck(p_grace interval)
RETURNS TABLE (execution uuid, execution_id text, reason text, since timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT x.id, x.execution_id::text, 'not queued', x.started_at AT TIME ZONE 'UTC'
      FROM workflowexecution x
     WHERE (x.status IN ('running', 'pending', 'paused', 'waiting_for_signal')
            OR (x.status = 'failed' AND x.completed_at IS NULL AND x.next_retry_at IS NOT NULL))
       AND x.started_at < clock_timestamp() AT TIME ZONE 'UTC' - p_grace
       AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = x.id)
       AND NOT EXISTS (SELECT FROM wfworker.old_execution o WHERE o.execution_id = x.id)
    UNION ALL
    SELECT t.execution_id, x.execution_id::text,
           CASE WHEN t.due_at = 'infinity' THEN 'not woken' WHEN t.due_at > clock_timestamp() THEN 'leased' ELSE 'not taken' END,
           CASE WHEN t.due_at <= clock_timestamp() THEN t.due_at END
      FROM wfworker.task t LEFT JOIN workflowexecution x ON x.id = t.execution_id
     WHERE (t.due_at = 'infinity' AND t.poked AND t.worker IS NULL)
        OR (t.worker IS NOT NULL AND t.due_at > clock_timestamp() + interval '1 day'
            AND NOT EXISTS (SELECT FROM wfworker.worker w WHERE w.id = t.worker))
        OR t.due_at <= clock_timestamp() - p_grace
$$;
CREATE VIEW wfworker.stuck AS SELECT * FROM wfworker.find_stuck('1 minute');
