-- SPDX-License-Identifier: Apache-2.0
-- What one execution may ask for in all: how many others it has started.
ALTER TABLE wfworker.linked ADD COLUMN children integer NOT NULL DEFAULT 0;
