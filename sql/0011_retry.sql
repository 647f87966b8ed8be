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
