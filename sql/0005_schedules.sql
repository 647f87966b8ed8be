-- SPDX-License-Identifier: Apache-2.0
-- Schedules: rows of workflowschedule, and workflows whose trigger_config says {"type": "schedule", "cron": ...}.  Workers
-- compute the times (cron is not SQL's business) and report them; whoever is first starts the executions and moves the
-- schedule on in one transaction.

CREATE TABLE wfworker.schedule (
    id uuid PRIMARY KEY,                        -- workflowschedule.id; of a trigger_config: the workflow's id
    workflow_id uuid NOT NULL,
    from_trigger boolean NOT NULL,
    cron text NOT NULL,
    timezone text,                              -- null: UTC
    catch_up text NOT NULL DEFAULT 'one',       -- after downtime: none, one, all
    catch_up_seconds integer NOT NULL DEFAULT 86400, -- all: not longer ago than this
    overlap text NOT NULL DEFAULT 'allow',      -- the last execution is not over: allow, skip, cancel_other
    paused boolean NOT NULL DEFAULT false,      -- of a trigger_config; a row of workflowschedule has is_active
    active boolean NOT NULL,                    -- with its workflow
    next_at timestamp,                          -- UTC; null: to be computed, infinity: not active, or wrong
    published timestamp,                        -- workflowschedule.next_run_at as last seen or written
    last_slot timestamp,
    error text                                  -- why it cannot run; null = it can
);
CREATE INDEX schedule_next ON wfworker.schedule (next_at);

-- What was started for which time: each at most once.  execution_id null: passed over, the execution before was not over.
CREATE TABLE wfworker.schedule_run (
    schedule_id uuid NOT NULL,
    slot timestamp NOT NULL,
    execution_id uuid,
    PRIMARY KEY (schedule_id, slot)
);

-- The schedule that a trigger_config is; cron null: it is none.  Never fails.
CREATE FUNCTION wfworker.trigger_schedule(p_config text, OUT cron text, OUT timezone text, OUT catch_up text,
                                          OUT catch_up_seconds integer, OUT overlap text)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v json := p_config::json;
BEGIN
    IF json_typeof(v) = 'string' THEN
        v := (v #>> '{}')::json;
    END IF;
    IF json_typeof(v) <> 'object' OR v ->> 'type' IS DISTINCT FROM 'schedule' THEN
        RETURN;
    END IF;
    cron := coalesce(v ->> 'cron', v ->> 'cron_expression', '');
    timezone := v ->> 'timezone';
    catch_up := coalesce(v ->> 'catch_up', 'one');
    overlap := coalesce(v ->> 'overlap', 'allow');
    catch_up_seconds := CASE WHEN v ->> 'catch_up_seconds' ~ '^[0-9]{1,9}$' THEN (v ->> 'catch_up_seconds')::integer ELSE 86400 END;
EXCEPTION WHEN others THEN
    cron := NULL;
END
$$;

-- A time that the backend has set, as workers can read it: what is before 1970, also -infinity, is long overdue.
CREATE FUNCTION wfworker.next_of(p_at timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT greatest(p_at, timestamp '1970-01-02')
$$;

-- Take over what changed in the backend's tables; by one worker at a time.
CREATE FUNCTION wfworker.sync_schedules() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(7790337541201930) THEN
        RETURN;
    END IF;

    DELETE FROM wfworker.schedule s
     WHERE NOT s.from_trigger AND NOT EXISTS (SELECT FROM workflowschedule x WHERE x.id = s.id);
    INSERT INTO wfworker.schedule AS s (id, workflow_id, from_trigger, cron, active, next_at, published)
    SELECT x.id, x.workflow_id, false, x.cron_expression, x.is_active AND w.is_active,
           CASE WHEN x.is_active AND w.is_active THEN wfworker.next_of(x.next_run_at) ELSE 'infinity' END, x.next_run_at
      FROM workflowschedule x JOIN workflow w ON w.id = x.workflow_id
      LEFT JOIN wfworker.schedule o ON o.id = x.id
     WHERE o.id IS NULL OR o.cron <> x.cron_expression OR o.active <> (x.is_active AND w.is_active)
        OR o.workflow_id <> x.workflow_id OR o.published IS DISTINCT FROM x.next_run_at
    ON CONFLICT (id) DO UPDATE
       SET workflow_id = excluded.workflow_id, cron = excluded.cron, active = excluded.active, published = excluded.published,
           error = CASE WHEN s.cron = excluded.cron THEN s.error END,
           -- A time that somebody set counts; otherwise it is computed from now.
           next_at = CASE WHEN NOT excluded.active OR (s.active AND s.next_at = 'infinity' AND s.cron = excluded.cron) THEN 'infinity'
                          WHEN s.published IS DISTINCT FROM excluded.published THEN wfworker.next_of(excluded.published) END;

    DELETE FROM wfworker.schedule s
     WHERE s.from_trigger
       AND NOT EXISTS (SELECT FROM workflow w, wfworker.trigger_schedule(w.trigger_config::text) t
                        WHERE w.id = s.workflow_id AND t.cron IS NOT NULL
                          AND NOT EXISTS (SELECT FROM workflowschedule x
                                           WHERE x.workflow_id = w.id AND x.cron_expression = t.cron));
    -- One that the backend has also made a row of is that row.
    INSERT INTO wfworker.schedule AS s (id, workflow_id, from_trigger, cron, timezone, catch_up, catch_up_seconds, overlap, active,
                                        next_at)
    SELECT w.id, w.id, true, t.cron, t.timezone, t.catch_up, t.catch_up_seconds, t.overlap, w.is_active AND NOT coalesce(o.paused, false),
           CASE WHEN w.is_active AND NOT coalesce(o.paused, false) THEN NULL ELSE timestamp 'infinity' END
      FROM workflow w CROSS JOIN LATERAL wfworker.trigger_schedule(w.trigger_config::text) t
      LEFT JOIN wfworker.schedule o ON o.id = w.id
     WHERE w.trigger_config::text LIKE '%schedule%' AND t.cron IS NOT NULL
       AND NOT EXISTS (SELECT FROM workflowschedule x WHERE x.workflow_id = w.id AND x.cron_expression = t.cron)
       AND (o.id IS NULL OR o.active <> (w.is_active AND NOT o.paused)
            OR (o.cron, o.timezone, o.catch_up, o.catch_up_seconds, o.overlap)
               IS DISTINCT FROM (t.cron, t.timezone, t.catch_up, t.catch_up_seconds, t.overlap))
    ON CONFLICT (id) DO UPDATE
       SET cron = excluded.cron, timezone = excluded.timezone, catch_up = excluded.catch_up,
           catch_up_seconds = excluded.catch_up_seconds, overlap = excluded.overlap, active = excluded.active, error = NULL,
           next_at = excluded.next_at;
END
$$;

-- What is due or has to be computed.  The first row has no id: the time now, how many microseconds until the next one after
-- these (null: none), and whether changes are notified.
CREATE FUNCTION wfworker.due_schedules(p_sync boolean, p_limit integer)
RETURNS TABLE (o_id uuid, o_cron text, o_timezone text, o_catch_up text, o_overlap text, o_seconds integer, o_next timestamp,
               o_wait bigint, o_notified boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamp := clock_timestamp() AT TIME ZONE 'UTC';
BEGIN
    IF p_sync THEN
        PERFORM wfworker.sync_schedules();
    END IF;
    RETURN QUERY
    SELECT NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::text, NULL::integer, v_now,
           (SELECT (extract(epoch FROM min(s.next_at) - v_now) * 1000000)::bigint FROM wfworker.schedule s
             WHERE s.next_at > v_now AND s.next_at < 'infinity'),
           (SELECT count(*) = 2 FROM pg_trigger t WHERE t.tgname = 'wfworker_schedule' AND t.tgenabled IN ('O', 'A')
               AND t.tgrelid IN (to_regclass('workflowschedule'), to_regclass('workflow')));
    RETURN QUERY
    SELECT s.id, s.cron, s.timezone, s.catch_up, s.overlap, s.catch_up_seconds, s.next_at, NULL::bigint, NULL::boolean
      FROM wfworker.schedule s
     WHERE s.active AND (s.next_at IS NULL OR s.next_at <= v_now)
     ORDER BY s.next_at NULLS FIRST, s.id LIMIT p_limit;
END
$$;

-- One execution for one time of a schedule, if there was none yet.  Returns started, skipped or there.
CREATE FUNCTION wfworker.start_slot(p_schedule wfworker.schedule, p_slot timestamp) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_over boolean := true;
    v_execution uuid;
    r record;
BEGIN
    INSERT INTO wfworker.schedule_run (schedule_id, slot) VALUES (p_schedule.id, p_slot) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'there';
    END IF;
    IF p_schedule.overlap <> 'allow' THEN
        FOR r IN
            SELECT e.id FROM (SELECT n.execution_id FROM wfworker.schedule_run n
                               WHERE n.schedule_id = p_schedule.id ORDER BY n.slot DESC LIMIT 100) n
              JOIN workflowexecution e ON e.id = n.execution_id
             WHERE e.status IN ('running', 'pending', 'paused', 'waiting_for_signal')
                OR (e.status = 'failed' AND e.completed_at IS NULL AND e.next_retry_at IS NOT NULL)
        LOOP
            IF p_schedule.overlap = 'skip' THEN
                RETURN 'skipped';
            END IF;
            UPDATE workflowexecution
               SET status = 'failed', error_message = 'Execution cancelled: the next run of its schedule began',
                   completed_at = clock_timestamp() AT TIME ZONE 'UTC'
             WHERE id = r.id;
        END LOOP;
    END IF;
    SELECT id INTO v_execution FROM wfworker.submit(p_schedule.workflow_id::text, json_build_object(
        'trigger_type', 'schedule', 'schedule_id', p_schedule.id, 'cron_expression', p_schedule.cron,
        'scheduled_for', to_char(p_slot, 'YYYY-MM-DD"T"HH24:MI:SS') || '+00:00'));
    UPDATE wfworker.schedule_run SET execution_id = v_execution WHERE schedule_id = p_schedule.id AND slot = p_slot;
    RETURN 'started';
END
$$;

-- Start the executions of schedules and move them on, each if it is still as it was seen.  p_next null: never again.
-- p_error: the schedule is wrong.  p_slot_of: which schedule (from 1) p_slot belongs to.  For each one that was done:
-- how many executions were started and passed over, and what went wrong.
CREATE FUNCTION wfworker.run_schedules(p_id uuid[], p_seen timestamp[], p_cron text[], p_next timestamp[], p_error text[],
                                       p_slot_of integer[], p_slot timestamp[])
RETURNS TABLE (o_n integer, o_started integer, o_skipped integer, o_error text)
LANGUAGE plpgsql AS $$
DECLARE
    s wfworker.schedule;
    v_slot timestamp;
    v_result text;
    v_saving text := coalesce(current_setting('wfworker.saving', true), '');
BEGIN
    FOR k IN 1 .. coalesce(cardinality(p_id), 0) LOOP
        SELECT * INTO s FROM wfworker.schedule x
         WHERE x.id = p_id[k] AND x.next_at IS NOT DISTINCT FROM p_seen[k] AND x.cron = p_cron[k] AND x.active FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        -- What it comes from may have changed since the last look.
        IF s.from_trigger THEN
            PERFORM FROM workflow w, wfworker.trigger_schedule(w.trigger_config::text) t
              WHERE w.id = s.workflow_id AND w.is_active AND t.cron = s.cron;
        ELSE
            PERFORM FROM workflow w WHERE w.id = s.workflow_id AND w.is_active;
            CONTINUE WHEN NOT FOUND;
            PERFORM FROM workflowschedule x
              WHERE x.id = s.id AND x.is_active AND x.cron_expression = s.cron FOR NO KEY UPDATE SKIP LOCKED;
        END IF;
        CONTINUE WHEN NOT FOUND;

        o_n := k - 1;
        o_started := 0;
        o_skipped := 0;
        o_error := p_error[k];
        BEGIN
            FOR v_slot IN SELECT u.slot FROM unnest(p_slot_of, p_slot) u (of, slot) WHERE u.of = k ORDER BY u.slot LOOP
                v_result := wfworker.start_slot(s, v_slot);
                o_started := o_started + (v_result = 'started')::integer;
                o_skipped := o_skipped + (v_result = 'skipped')::integer;
                s.last_slot := v_slot;
            END LOOP;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR no_data_found OR raise_exception OR insufficient_privilege THEN
            -- What refuses one schedule costs the others nothing; its next time is another try.
            o_started := 0;
            o_error := SQLERRM;
        END;

        UPDATE wfworker.schedule x
           SET next_at = CASE WHEN p_error[k] IS NULL THEN coalesce(p_next[k], 'infinity') ELSE 'infinity' END,
               published = CASE WHEN p_error[k] IS NULL THEN p_next[k] ELSE x.published END,
               last_slot = s.last_slot, error = o_error
         WHERE x.id = s.id;
        DELETE FROM wfworker.schedule_run r
         WHERE r.schedule_id = s.id AND r.slot < s.last_slot - interval '2 days' - s.catch_up_seconds * interval '1 second';
        IF NOT s.from_trigger AND p_error[k] IS NULL THEN
            PERFORM set_config('wfworker.saving', '1', true);
            UPDATE workflowschedule x
               SET next_run_at = p_next[k],
                   last_run_at = CASE WHEN o_started > 0 THEN clock_timestamp() AT TIME ZONE 'UTC' ELSE x.last_run_at END
             WHERE x.id = s.id;
            PERFORM set_config('wfworker.saving', v_saving, true);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- ---- Hints: somebody changed a schedule ----

CREATE FUNCTION wfworker.on_schedule() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('wfworker', 'schedules');
    RETURN NULL;
END
$$;

-- Most changes of workflows have nothing to do with schedules.
CREATE FUNCTION wfworker.on_workflow() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.trigger_config::text LIKE '%schedule%' THEN
            PERFORM pg_notify('wfworker', 'schedules');
        END IF;
    ELSIF OLD.is_active <> NEW.is_active
       OR (OLD.trigger_config::text IS DISTINCT FROM NEW.trigger_config::text
           AND (OLD.trigger_config::text LIKE '%schedule%' OR NEW.trigger_config::text LIKE '%schedule%')) THEN
        PERFORM pg_notify('wfworker', 'schedules');
    END IF;
    RETURN NULL;
END
$$;

-- Make the triggers that are missing; without lists of columns, which would keep the backend from changing their types.  Without the right to do so workers look at the poll interval.
CREATE FUNCTION wfworker.install_schedule_triggers() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_schedule regclass := to_regclass('workflowschedule');
    v_workflow regclass := to_regclass('workflow');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = v_schedule AND tgname = 'wfworker_schedule') THEN
        EXECUTE format('CREATE TRIGGER wfworker_schedule AFTER INSERT OR UPDATE ON %s FOR EACH ROW
                        WHEN (current_setting(''wfworker.saving'', true) IS DISTINCT FROM ''1'')
                        EXECUTE FUNCTION wfworker.on_schedule()', v_schedule);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = v_workflow AND tgname = 'wfworker_schedule') THEN
        EXECUTE format('CREATE TRIGGER wfworker_schedule AFTER INSERT OR UPDATE ON %s FOR EACH ROW
                        EXECUTE FUNCTION wfworker.on_workflow()', v_workflow);
    END IF;
    RETURN '';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END
$$;

-- ---- For people and programs ----

-- All schedules as the command line shows them.
CREATE VIEW wfworker.schedules AS
SELECT s.id, s.workflow_id, w.name AS workflow, s.cron, s.timezone, s.catch_up, s.catch_up_seconds, s.overlap, s.from_trigger,
       CASE WHEN s.error IS NOT NULL THEN 'error'
            WHEN s.active THEN 'active'
            WHEN NOT w.is_active THEN 'workflow inactive'
            ELSE 'paused' END AS state,
       nullif(s.next_at, 'infinity') AS next_at, s.last_slot, s.error
  FROM wfworker.schedule s JOIN workflow w ON w.id = s.workflow_id;

-- A new row of workflowschedule with what it has no columns for.
CREATE FUNCTION wfworker.add_schedule(p_workflow uuid, p_cron text, p_timezone text DEFAULT NULL, p_catch_up text DEFAULT 'one',
                                      p_catch_up_seconds integer DEFAULT 86400, p_overlap text DEFAULT 'allow')
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := gen_random_uuid();
BEGIN
    INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active) VALUES (v_id, p_workflow, p_cron, true);
    INSERT INTO wfworker.schedule (id, workflow_id, from_trigger, cron, timezone, catch_up, catch_up_seconds, overlap, active)
    SELECT v_id, w.id, false, p_cron, p_timezone, p_catch_up, p_catch_up_seconds, p_overlap, w.is_active FROM workflow w WHERE w.id = p_workflow;
    UPDATE wfworker.schedule SET next_at = 'infinity' WHERE id = v_id AND NOT active;
    PERFORM pg_notify('wfworker', 'schedules');
    RETURN v_id;
END
$$;

-- Remove one; false: there is none, or it is a trigger_config.
CREATE FUNCTION wfworker.remove_schedule(p_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM workflowschedule WHERE id = p_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM wfworker.schedule WHERE id = p_id;
    DELETE FROM wfworker.schedule_run WHERE schedule_id = p_id;
    RETURN true;
END
$$;

-- Pause or go on with a schedule; false: there is none of that id.
CREATE FUNCTION wfworker.pause_schedule(p_id uuid, p_pause boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE workflowschedule SET is_active = NOT p_pause WHERE id = p_id;
    IF NOT FOUND THEN
        UPDATE wfworker.schedule SET paused = p_pause WHERE id = p_id AND from_trigger;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END IF;
    PERFORM wfworker.sync_schedules();
    PERFORM pg_notify('wfworker', 'schedules');
    RETURN true;
END
$$;

-- Start an execution of a schedule now, whatever its times are.
CREATE FUNCTION wfworker.run_schedule(p_id uuid, OUT id uuid, OUT execution_id text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s wfworker.schedule;
BEGIN
    SELECT * INTO s FROM wfworker.schedule x WHERE x.id = p_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no schedule %', p_id
            USING ERRCODE = 'no_data_found', HINT = '"wfworker schedule list" shows the schedules.';
    END IF;
    SELECT x.id, x.execution_id INTO id, execution_id FROM wfworker.submit(s.workflow_id::text, json_build_object(
        'trigger_type', 'schedule', 'schedule_id', s.id, 'cron_expression', s.cron,
        'scheduled_for', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '+00:00')) x;
    INSERT INTO wfworker.schedule_run (schedule_id, slot, execution_id) VALUES (s.id, clock_timestamp() AT TIME ZONE 'UTC', id);
END
$$;
