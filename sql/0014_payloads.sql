-- SPDX-License-Identifier: Apache-2.0
-- Large values apart from the state.  Journal and snapshot name one where it stands: as a string that begins with a NUL
-- character (which no value can hold), and then the payload's id.  A row is written once, before what names it.

CREATE TABLE wfworker.payload (
    id uuid PRIMARY KEY,
    execution_id uuid NOT NULL,
    value text NOT NULL,                     -- JSON, in which other payloads may be named
    holds uuid[],                            -- these
    saved_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payload_execution ON wfworker.payload (execution_id);
CREATE INDEX payload_saved ON wfworker.payload USING brin (saved_at);
ALTER TABLE wfworker.payload ALTER COLUMN value SET STORAGE EXTERNAL; -- compressing a value that is read soon costs more than the room

-- The ids of the payloads that a text names.
CREATE FUNCTION wfworker.named(p_text text) RETURNS uuid[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN strpos(p_text, '"\u0000') > 0 THEN
               (SELECT array_agg(DISTINCT m[1]::uuid)
                  FROM regexp_matches(p_text, '"\\u0000([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"', 'g') m) END
$$;

-- Keep values of executions; one that is there already is left alone.
CREATE FUNCTION wfworker.put_payloads(p_execution uuid, p_ids uuid[], p_values text[]) RETURNS bigint LANGUAGE sql AS $$
    WITH put AS (
        INSERT INTO wfworker.payload (id, execution_id, value, holds)
        SELECT i.id, p_execution, i.value, wfworker.named(i.value) FROM unnest(p_ids, p_values) i (id, value)
        ON CONFLICT (id) DO NOTHING RETURNING 1)
    SELECT count(*) FROM put
$$;

-- These values of an execution, and all that they hold.
CREATE FUNCTION wfworker.payloads(p_execution uuid, p_ids uuid[]) RETURNS TABLE (o_id uuid, o_value text)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    WITH RECURSIVE wanted (id, value, holds) AS (
        SELECT p.id, p.value, p.holds FROM wfworker.payload p WHERE p.id = ANY (p_ids) AND p.execution_id = p_execution
        UNION
        SELECT p.id, p.value, p.holds FROM wanted w JOIN wfworker.payload p ON p.id = ANY (w.holds) AND p.execution_id = p_execution
    )
    SELECT w.id, w.value FROM wanted w
$$;

-- A text of the journal or a snapshot with every value in it; of a value that is gone, null stands there.  Values may hold others many
-- times, and those again: what would be more than 128 MiB is an error before it is made.
CREATE FUNCTION wfworker.written_out(p_execution uuid, p_text text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    k_most constant bigint := 134217728;
    k_begin constant text := '"\u0000';
    k_name constant text := '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"$';
    v_text text := p_text;
    v_parts text[];
    v_ids uuid[];                     -- of the part with the same number: what stands before it, or null
    v_bytes bigint;
BEGIN
    FOR depth IN 1 .. 600 LOOP -- values nest no deeper
        v_parts := string_to_array(v_text, k_begin);
        v_ids := ARRAY(SELECT CASE WHEN n > 1 AND left(part, 37) ~ k_name THEN left(part, 36)::uuid END
                         FROM unnest(v_parts) WITH ORDINALITY u (part, n) ORDER BY n);
        SELECT octet_length(v_text) + sum(octet_length(coalesce(p.value, 'null'))) INTO v_bytes
          FROM unnest(v_ids) i (id) LEFT JOIN wfworker.payload p ON p.id = i.id AND p.execution_id = p_execution WHERE i.id IS NOT NULL;
        EXIT WHEN v_bytes IS NULL; -- there is none
        IF v_bytes > k_most THEN
            RAISE EXCEPTION 'the large values of execution % are more than 128 MiB when they are written out', p_execution
                USING ERRCODE = 'program_limit_exceeded', HINT = 'wfworker.payload has them one by one.';
        END IF;
        SELECT string_agg(CASE WHEN x.id IS NOT NULL THEN coalesce(p.value, 'null') || substr(x.part, 38)
                               WHEN x.n > 1 THEN k_begin || x.part ELSE x.part END, '' ORDER BY x.n) INTO v_text
          FROM unnest(v_parts, v_ids) WITH ORDINALITY x (part, id, n)
          LEFT JOIN wfworker.payload p ON p.id = x.id AND p.execution_id = p_execution;
    END LOOP;
    RETURN v_text;
END
$$;

-- execution_state with every value in it: while an execution runs, large ones stand there as {"large_value": id, "bytes": n}.
CREATE FUNCTION wfworker.full_state(p_execution uuid) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_text text := (SELECT e.execution_state::text FROM workflowexecution e WHERE e.id = p_execution);
    r record;
BEGIN
    FOR r IN SELECT DISTINCT m[1] AS whole, p.value
               FROM regexp_matches(v_text, '(\{(?:"bytes": ?[0-9]+, ?)?"large_value": ?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"(?:, ?"bytes": ?[0-9]+)?\})', 'g') m
               JOIN wfworker.payload p ON p.id = m[2]::uuid AND p.execution_id = p_execution LOOP
        v_text := replace(v_text, r.whole, wfworker.written_out(p_execution, r.value));
    END LOOP;
    RETURN v_text::json;
END
$$;
