-- SPDX-License-Identifier: Apache-2.0
-- Many machines: what the registry says of each worker, and which programs may go on beside a newer schema.

-- Null where a worker of an older release did not say it.
ALTER TABLE wfworker.worker
    ADD COLUMN host text,
    ADD COLUMN pid integer,
    ADD COLUMN abi text,                                -- of plugins: major.minor
    ADD COLUMN schema_version integer,                  -- the newest that the program knows
    ADD COLUMN listening boolean,                       -- notifications wake it; false: it polls
    ADD COLUMN stopping boolean NOT NULL DEFAULT false; -- it finishes what it holds and takes nothing new

-- Says of a worker in the registry what wfworker.announce() does not.
CREATE FUNCTION wfworker.describe(p_worker bigint, p_host text, p_pid integer, p_abi text, p_schema integer, p_listening boolean,
                                  p_stopping boolean) RETURNS void LANGUAGE sql AS $$
    UPDATE wfworker.worker w
       SET host = p_host, pid = nullif(p_pid, 0), abi = p_abi, schema_version = p_schema, listening = p_listening, stopping = p_stopping,
           idle = w.idle AND NOT p_stopping
     WHERE w.id = p_worker
$$;

-- A program works with this schema when it knows at least this version of it, however many migrations came since.  A
-- migration that takes away what such a program needs raises the number.
ALTER TABLE wfworker.meta ADD COLUMN oldest_program integer NOT NULL DEFAULT 15;
