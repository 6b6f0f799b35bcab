-- SPDX-License-Identifier: Apache-2.0
-- Trust policies name users and roles by id, so that nobody inherits trust with a name.  Until now
-- they kept the ARNs that were written.  One that names nobody stays as it is: it lets nobody in.

WITH RECURSIVE
	ids (arn, session, id) AS (
		SELECT 'arn:aws:iam::' || m.value || CASE e.kind WHEN 1 THEN ':user' ELSE ':role' END
				|| e.path || e.name,
			CASE e.kind WHEN 1 THEN NULL
				ELSE 'arn:aws:sts::' || m.value || ':assumed-role/' || e.name || '/' END,
			e.id
		FROM entities e, meta m WHERE e.kind IN (1, 3) AND m.name = 'account-id'),
	-- each principal in each policy, with its place there
	named (role, place, id, n) AS (
		SELECT r.name, t.fullkey,
			CASE WHEN i.arn = t.atom THEN i.id
				ELSE i.id || ':' || substr(t.atom, length(i.session) + 1) END,
			row_number() OVER (PARTITION BY r.name)
		FROM entities r,
			json_tree(CASE WHEN json_valid(r.trust) THEN r.trust ELSE 'null' END) t,
			ids i
		WHERE r.kind = 3 AND t.type = 'text'
			AND (t.fullkey GLOB '$.Statement*.Principal.AWS*'
				OR t.fullkey GLOB '$.Statement*.NotPrincipal.AWS*')
			AND (i.arn = t.atom OR substr(t.atom, 1, length(i.session)) = i.session)),
	steps (role, n, trust) AS (
		SELECT name, 0, trust FROM entities
			WHERE kind = 3 AND name IN (SELECT role FROM named)
		UNION ALL
		SELECT s.role, d.n, json_set(s.trust, d.place, d.id)
			FROM steps s, named d WHERE d.role = s.role AND d.n = s.n + 1)
UPDATE entities
	SET trust = (SELECT trust FROM steps WHERE role = entities.name ORDER BY n DESC LIMIT 1)
	WHERE kind = 3 AND name IN (SELECT role FROM named);
