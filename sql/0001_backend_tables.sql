-- SPDX-License-Identifier: Apache-2.0
-- The tables of the backend, made only where they are missing: the same columns, types and indexes as the backend makes
-- itself.  A table that is there already is used as it is and never touched.  Beside an existing backend only what the
-- worker itself uses is made, and closed like the tables that it stands beside.
DO $$
DECLARE
    made_user boolean := false;
    beside_backend CONSTANT boolean := to_regclass('workflowexecution') IS NOT NULL;
    made text[] := '{}';
    closed boolean;
BEGIN
    IF to_regclass('"user"') IS NULL THEN
        CREATE TABLE "user" (
            email varchar(255) NOT NULL,
            is_active boolean NOT NULL,
            is_superuser boolean NOT NULL,
            full_name varchar(255),
            hashed_password varchar NOT NULL,
            id uuid PRIMARY KEY,
            clerk_user_id varchar(255),
            phone_number varchar(50),
            email_verified boolean NOT NULL DEFAULT false,
            clerk_metadata jsonb DEFAULT '{}'
        );
        CREATE UNIQUE INDEX ix_user_email ON "user" (email);
        CREATE UNIQUE INDEX ix_user_clerk_user_id ON "user" (clerk_user_id);
        CREATE INDEX ix_user_email_verified ON "user" (email_verified);
        made_user := true;
    END IF;

    IF to_regclass('workflow') IS NULL THEN
        CREATE TABLE workflow (
            name varchar(255) NOT NULL,
            description varchar(1000),
            is_active boolean NOT NULL,
            version integer NOT NULL,
            trigger_config json,
            graph_config json,
            id uuid PRIMARY KEY,
            owner_id uuid NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
            created_at timestamp NOT NULL,
            updated_at timestamp NOT NULL
        );
    END IF;

    IF to_regclass('workflownode') IS NULL THEN
        CREATE TABLE workflownode (
            id uuid PRIMARY KEY,
            workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE,
            node_type varchar(100) NOT NULL,
            node_id varchar(255) NOT NULL,
            position_x double precision NOT NULL,
            position_y double precision NOT NULL,
            config json
        );
        CREATE INDEX ix_workflownode_workflow_id ON workflownode (workflow_id);
        made := made || 'workflownode'::text;
    END IF;

    IF to_regclass('workflowexecution') IS NULL THEN
        CREATE TABLE workflowexecution (
            id uuid PRIMARY KEY,
            workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE,
            workflow_version integer NOT NULL,
            execution_id varchar(255) NOT NULL,
            status varchar(50) NOT NULL,
            started_at timestamp NOT NULL,
            completed_at timestamp,
            error_message varchar,
            current_node_id varchar(255),
            execution_state json,
            retry_count integer NOT NULL,
            next_retry_at timestamp
        );
        CREATE UNIQUE INDEX ix_workflowexecution_execution_id ON workflowexecution (execution_id);
        CREATE INDEX ix_workflowexecution_workflow_id ON workflowexecution (workflow_id);
        CREATE INDEX ix_workflowexecution_status ON workflowexecution (status);
        CREATE INDEX ix_workflowexecution_started_at ON workflowexecution (started_at);
    END IF;

    IF to_regclass('executionlog') IS NULL THEN
        CREATE TABLE executionlog (
            id uuid PRIMARY KEY,
            execution_id uuid NOT NULL REFERENCES workflowexecution (id) ON DELETE CASCADE,
            node_id varchar(255) NOT NULL,
            level varchar(20) NOT NULL,
            message varchar(5000) NOT NULL,
            "timestamp" timestamp NOT NULL
        );
        CREATE INDEX ix_executionlog_execution_id ON executionlog (execution_id);
        CREATE INDEX ix_executionlog_timestamp ON executionlog ("timestamp");
    END IF;

    IF to_regclass('workflowschedule') IS NULL THEN
        CREATE TABLE workflowschedule (
            id uuid PRIMARY KEY,
            workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE,
            cron_expression varchar(100) NOT NULL,
            is_active boolean NOT NULL,
            next_run_at timestamp,
            last_run_at timestamp
        );
        CREATE INDEX ix_workflowschedule_workflow_id ON workflowschedule (workflow_id);
        made := made || 'workflowschedule'::text;
    END IF;

    IF to_regclass('workflowsignal') IS NULL THEN
        CREATE TABLE workflowsignal (
            id uuid PRIMARY KEY,
            execution_id uuid NOT NULL REFERENCES workflowexecution (id) ON DELETE CASCADE,
            signal_type varchar(100) NOT NULL,
            signal_data json,
            received_at timestamp NOT NULL,
            processed boolean NOT NULL
        );
        CREATE INDEX ix_workflowsignal_execution_id ON workflowsignal (execution_id);
        made := made || 'workflowsignal'::text;
    END IF;

    IF to_regclass('workflowwebhooksubscription') IS NULL AND NOT beside_backend THEN
        CREATE TABLE workflowwebhooksubscription (
            headers jsonb,
            filters jsonb,
            id uuid PRIMARY KEY,
            workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE,
            webhook_path varchar(500) NOT NULL,
            secret varchar(255),
            is_active boolean NOT NULL,
            created_at timestamp NOT NULL,
            updated_at timestamp NOT NULL
        );
        CREATE INDEX ix_workflowwebhooksubscription_webhook_path ON workflowwebhooksubscription (webhook_path);
        CREATE INDEX ix_workflowwebhooksubscription_is_active ON workflowwebhooksubscription (is_active);
        CREATE INDEX ix_workflowwebhooksubscription_workflow_id ON workflowwebhooksubscription (workflow_id);
    END IF;

    IF beside_backend THEN
        SELECT c.relrowsecurity INTO closed FROM pg_class c WHERE c.oid = to_regclass('workflowexecution');
        IF closed THEN
            FOR i IN 1 .. cardinality(made) LOOP
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', made[i]);
            END LOOP;
        END IF;
    END IF;

    -- The owner of workflows that are added from the command line; nobody can log in as it.
    IF made_user THEN
        INSERT INTO "user" (email, is_active, is_superuser, full_name, hashed_password, id)
        VALUES ('wfworker@wfworker.internal', false, false, 'wfworker', '!', gen_random_uuid());
    END IF;
END
$$;
