package advisor_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/advisor"
)

// examples are, for each rule that looks at what the project has made, objects
// that it complains about and objects that it must leave alone. The SQL that it
// suggests is run, and the next scan must find nothing in any of them.
var examples = []struct {
	rule   string
	limits advisor.Limits
	setup  string
	want   []string
}{
	{
		rule: "rls-disabled",
		setup: `
			CREATE TABLE public.open (id int);
			CREATE TABLE public."My ""Notes""" (id int, user_id uuid);
			CREATE TABLE public.forgotten (id int);
			CREATE POLICY p ON public.forgotten USING (false);
			CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (2);
			CREATE TABLE public.parent (id int);
			ALTER TABLE public.parent ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public.child () INHERITS (public.parent);
			CREATE TABLE public.guarded (id int) PARTITION BY RANGE (id);
			ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public."Part" PARTITION OF public.guarded FOR VALUES FROM (1) TO (2) PARTITION BY RANGE (id);
			CREATE TABLE public.sub_part PARTITION OF public."Part" FOR VALUES FROM (1) TO (2);
			CREATE SCHEMA shop;
			GRANT USAGE ON SCHEMA shop TO authenticated;
			CREATE TABLE shop.orders (id int, total int);
			GRANT SELECT (id) ON shop.orders TO authenticated;

			CREATE TABLE public.safe (id int);
			ALTER TABLE public.safe ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public.private (id int);
			REVOKE ALL ON public.private FROM anon, authenticated;
			CREATE TABLE public.private_part PARTITION OF public.guarded FOR VALUES FROM (2) TO (3);
			REVOKE ALL ON public.private_part FROM anon, authenticated;
			CREATE SCHEMA backstage;
			CREATE TABLE backstage.granted_in_vain (id int);
			GRANT ALL ON backstage.granted_in_vain TO anon;
			CREATE VIEW public.view AS SELECT 1 AS id;
			CREATE TABLE public.of_extension (id int);
			ALTER EXTENSION pgcrypto ADD TABLE public.of_extension;
			CREATE TABLE system.ours (id int);`,
		want: []string{
			`critical public."My ""Notes"""`, `critical public."Part"`, "critical public.child", "critical public.forgotten",
			"critical public.open", "critical public.part_1", "critical public.parts", "critical public.sub_part", "critical shop.orders",
		},
	},
	{
		rule: "rls-no-policy",
		setup: `
			CREATE TABLE public.silent (id int);
			ALTER TABLE public.silent ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public."Own" (id int, "Owner" uuid REFERENCES auth.users (id));
			ALTER TABLE public."Own" ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public.only_restrictive (id int);
			ALTER TABLE public.only_restrictive ENABLE ROW LEVEL SECURITY;
			CREATE POLICY p ON public.only_restrictive AS RESTRICTIVE USING (true);
			CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
			ALTER TABLE public.parts ENABLE ROW LEVEL SECURITY;

			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (2);
			ALTER TABLE public.part_1 ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public.parent (id int);
			CREATE TABLE public.child () INHERITS (public.parent);
			ALTER TABLE public.child ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public.told (id int);
			ALTER TABLE public.told ENABLE ROW LEVEL SECURITY;
			CREATE POLICY p ON public.told FOR SELECT USING (id > 0);
			CREATE TABLE public.for_admins (id int);
			ALTER TABLE public.for_admins ENABLE ROW LEVEL SECURITY;
			REVOKE ALL ON public.for_admins FROM anon, authenticated;`,
		want: []string{`critical public."Own"`, "critical public.only_restrictive", "critical public.parts", "critical public.silent"},
	},
	{
		rule: "rls-permissive",
		setup: `
			CREATE TABLE public.t (id int, user_id uuid, kind text);
			ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
			CREATE POLICY everybody ON public.t USING (true);
			CREATE POLICY "For Users" ON public.t FOR UPDATE TO authenticated USING (user_id = auth.uid()) WITH CHECK (1 = 1);
			CREATE POLICY or_true ON public.t FOR DELETE TO anon USING (user_id = auth.uid() OR (true AND NOT false));
			CREATE POLICY itself ON public.t FOR SELECT TO authenticated USING (id = id);
			CREATE TABLE public.contact (text text);
			ALTER TABLE public.contact ENABLE ROW LEVEL SECURITY;
			CREATE POLICY send ON public.contact FOR INSERT WITH CHECK (true);

			CREATE POLICY own ON public.t USING (user_id = (SELECT auth.uid()));
			CREATE POLICY word ON public.t USING (kind = 'true' OR kind = ' OR true');
			CREATE POLICY never ON public.t USING (false OR NOT true);
			CREATE POLICY and_true ON public.t USING (true AND id > 3);
			CREATE POLICY random ON public.t USING (random() = random());
			CREATE POLICY others ON public.t TO project_admin USING (true);
			CREATE TABLE public.tenants (id int);
			ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;
			CREATE POLICY members ON public.tenants USING (true);
			CREATE POLICY tenant ON public.tenants AS RESTRICTIVE USING (id = 7);
			CREATE TABLE public.off (id int);
			CREATE POLICY without_effect ON public.off USING (true);
			CREATE TABLE public.unreachable (id int);
			ALTER TABLE public.unreachable ENABLE ROW LEVEL SECURITY;
			REVOKE ALL ON public.unreachable FROM anon, authenticated;
			CREATE POLICY p ON public.unreachable USING (true);`,
		want: []string{
			"critical public.contact.send", "critical public.t.everybody", "critical public.t.or_true",
			`warning public.t."For Users"`, "warning public.t.itself",
		},
	},
	{
		rule: "rls-select-only",
		setup: `
			CREATE TABLE public.news (id int);
			ALTER TABLE public.news ENABLE ROW LEVEL SECURITY;
			CREATE POLICY r ON public.news FOR SELECT USING (id > 0);

			CREATE TABLE public.posts (id int);
			ALTER TABLE public.posts ENABLE ROW LEVEL SECURITY;
			CREATE POLICY r ON public.posts FOR SELECT USING (id > 0);
			CREATE POLICY i ON public.posts FOR INSERT WITH CHECK (id > 0);
			CREATE TABLE public.all_of_it (id int);
			ALTER TABLE public.all_of_it ENABLE ROW LEVEL SECURITY;
			CREATE POLICY a ON public.all_of_it USING (id > 0);
			CREATE TABLE public.read_only (id int);
			ALTER TABLE public.read_only ENABLE ROW LEVEL SECURITY;
			CREATE POLICY r ON public.read_only FOR SELECT USING (id > 0);
			REVOKE INSERT, UPDATE, DELETE ON public.read_only FROM anon, authenticated;`,
		want: []string{"info public.news"},
	},
	{
		rule: "definer-view",
		setup: `
			CREATE TABLE public.t (id int);
			ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
			CREATE TABLE public.open (id int);
			CREATE VIEW public.leak AS SELECT id FROM public.t;
			CREATE VIEW public."All Users" AS SELECT email FROM auth.users JOIN public.t ON true;
			CREATE MATERIALIZED VIEW public.stored AS SELECT id FROM public.t;
			CREATE VIEW public.hidden AS SELECT id FROM public.t;
			CREATE MATERIALIZED VIEW public.hidden_stored AS SELECT id FROM public.t;
			REVOKE ALL ON public.hidden, public.hidden_stored FROM anon, authenticated;
			CREATE VIEW public.of_hidden AS SELECT id FROM public.hidden;
			CREATE VIEW public.of_hidden_stored AS SELECT id FROM public.hidden_stored;
			CREATE VIEW public.asks WITH (security_invoker = on) AS SELECT id FROM public.t;
			CREATE MATERIALIZED VIEW public.stored_asks AS SELECT id FROM public.asks;
			CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (2);
			ALTER TABLE public.part_1 ENABLE ROW LEVEL SECURITY;
			CREATE VIEW public.of_part AS SELECT id FROM public.part_1;

			CREATE VIEW public.of_asks AS SELECT id FROM public.asks;
			CREATE MATERIALIZED VIEW public.stored_open AS SELECT id FROM public.open;
			CREATE VIEW public.invoker WITH (security_invoker = on) AS SELECT id FROM public.t;
			CREATE VIEW public.of_open AS SELECT id FROM public.open;
			CREATE VIEW public.private AS SELECT id FROM public.t;
			REVOKE ALL ON public.private FROM anon, authenticated;
			CREATE VIEW public.of_anons AS SELECT id FROM public.t;
			ALTER VIEW public.of_anons OWNER TO anon;`,
		want: []string{
			`critical public."All Users"`, "critical public.leak", "critical public.of_hidden", "critical public.of_hidden_stored",
			"critical public.of_part", "critical public.stored", "critical public.stored_asks",
		},
	},
	{
		rule: "foreign-table-exposed",
		setup: `
			CREATE FOREIGN DATA WRAPPER nothing;
			CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
			CREATE FOREIGN TABLE public."Orders" (id int) SERVER elsewhere;
			CREATE FOREIGN TABLE public.by_column (id int, secret text) SERVER elsewhere;
			REVOKE ALL ON public.by_column FROM anon, authenticated;
			GRANT SELECT (id) ON public.by_column TO authenticated;
			CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
			CREATE FOREIGN TABLE public.far PARTITION OF public.parts FOR VALUES FROM (1) TO (2) SERVER elsewhere;

			CREATE FOREIGN TABLE public.private (id int) SERVER elsewhere;
			REVOKE ALL ON public.private FROM anon, authenticated;
			CREATE SCHEMA backstage;
			CREATE FOREIGN TABLE backstage.granted_in_vain (id int) SERVER elsewhere;
			GRANT ALL ON backstage.granted_in_vain TO anon;`,
		want: []string{`critical public."Orders"`, "critical public.by_column", "critical public.far"},
	},
	{
		rule: "dangerous-function",
		setup: `
			CREATE FUNCTION public."Wipe"(what text, n int DEFAULT 1) RETURNS void LANGUAGE sql SECURITY DEFINER AS '';
			CREATE FUNCTION public.fixed() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = '' AS '';
			CREATE PROCEDURE public.work() LANGUAGE sql SECURITY DEFINER AS '';
			CREATE FUNCTION public.is_member(int) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT true';

			CREATE FUNCTION public.is_owner(int) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT true';
			CREATE TABLE public.t (id int);
			ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
			CREATE POLICY p ON public.t USING (public.is_member(id) OR public.is_owner(id));
			CREATE FUNCTION public.invoker() RETURNS void LANGUAGE sql AS '';
			CREATE FUNCTION public.on_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
			CREATE FUNCTION public.for_admins() RETURNS void LANGUAGE sql SECURITY DEFINER AS '';
			REVOKE EXECUTE ON FUNCTION public.for_admins FROM PUBLIC;
			CREATE SCHEMA backstage;
			CREATE FUNCTION backstage.f() RETURNS void LANGUAGE sql SECURITY DEFINER AS '';`,
		want: []string{
			`critical public."Wipe"(what text, n integer)`, "critical public.fixed()",
			"critical public.is_member(integer)", "critical public.work()",
		},
	},
	{
		rule: "unbounded-grant",
		setup: `
			CREATE TABLE public.harmless (id int);
			GRANT SELECT, INSERT, UPDATE, DELETE ON public.harmless TO anon, authenticated;
			GRANT ALL ON public.harmless TO project_admin WITH GRANT OPTION;

			CREATE TABLE public."T" (id int);
			GRANT ALL ON public."T" TO anon;
			CREATE TABLE public.passed_on (id int);
			GRANT SELECT ON public.passed_on TO authenticated WITH GRANT OPTION;
			CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (2);
			GRANT TRUNCATE ON public.part_1 TO anon;
			CREATE VIEW public.v AS SELECT 1 AS id;
			GRANT TRIGGER ON public.v TO PUBLIC;
			CREATE SCHEMA lab;
			GRANT CREATE ON SCHEMA lab TO PUBLIC;
			ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon;
			ALTER DEFAULT PRIVILEGES GRANT TRUNCATE ON TABLES TO authenticated;`,
		want: []string{
			"critical lab", "warning default privileges of postgres", "warning default privileges of postgres in public",
			`warning public."T"`, "warning public.part_1", "warning public.passed_on", "warning public.v",
		},
	},
	{
		rule: "system-table-exposed",
		setup: `
			GRANT SELECT ON auth.users TO PUBLIC;
			GRANT UPDATE (disable_signup) ON auth.config TO authenticated;
			CREATE SCHEMA storage;
			GRANT USAGE ON SCHEMA storage TO anon, authenticated;
			CREATE TABLE storage."Objects" (id int);
			GRANT ALL ON storage."Objects" TO anon;

			CREATE TABLE storage.guarded (id int);
			ALTER TABLE storage.guarded ENABLE ROW LEVEL SECURITY;
			GRANT ALL ON storage.guarded TO anon;
			CREATE TABLE storage.closed (id int);
			GRANT SELECT ON system.secrets TO anon; -- without USAGE of the schema
			CREATE TABLE public.users (id int);`,
		want: []string{"critical auth.config", "critical auth.users", `critical storage."Objects"`},
	},
	{
		rule: "rls-policy-perf",
		setup: `
			CREATE TABLE public.members (team_id int, user_id uuid);
			CREATE TABLE public.t (id int, user_id uuid, owner text, team_id int);
			ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
			CREATE POLICY naive ON public.t USING (user_id = auth.uid());
			CREATE POLICY "Only Check" ON public.t FOR INSERT WITH CHECK ((auth.jwt() ->> 'sub') = owner);
			CREATE POLICY half ON public.t FOR UPDATE USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = auth.uid());
			CREATE POLICY inner_call ON public.t FOR SELECT USING (EXISTS (SELECT 1 FROM public.members m WHERE m.team_id = t.team_id AND m.user_id = auth.uid()));
			CREATE POLICY setting ON public.t FOR DELETE USING (owner = current_setting('app.owner', true));
			CREATE POLICY correlated ON public.t FOR SELECT USING ((SELECT auth.uid() = t.user_id));
			CREATE POLICY bare ON public.t FOR SELECT USING (auth.role() = 'admin');

			CREATE POLICY wrapped ON public.t USING (user_id = (SELECT auth.uid()) AND id > 0);
			CREATE POLICY wrapped_whole ON public.t FOR SELECT USING (owner = (SELECT auth.jwt() ->> 'sub'));
			CREATE POLICY wrapped_cast ON public.t FOR SELECT USING (owner = (SELECT (auth.uid())::text::varchar(40) AS "Me"));
			CREATE POLICY wrapped_in ON public.t FOR SELECT USING (team_id IN (SELECT m.team_id FROM public.members m WHERE m.user_id = (SELECT auth.uid())));
			CREATE POLICY mentioned ON public.t FOR SELECT USING (owner = 'auth.uid() = x' OR owner = E'\\auth.uid()');
			CREATE POLICY none ON public.t FOR SELECT USING (id > 0);
			CREATE TABLE public.off (user_id uuid);
			CREATE POLICY without_effect ON public.off USING (user_id = auth.uid());`,
		want: []string{
			`warning public.t."Only Check"`, "warning public.t.bare", "warning public.t.correlated", "warning public.t.half",
			"warning public.t.inner_call", "warning public.t.naive", "warning public.t.setting",
		},
	},
	{
		rule: "missing-rls-index",
		setup: `
			CREATE TABLE public.members (team_id int, user_id uuid);
			CREATE TABLE public.t (id int, user_id uuid, "Owner" varchar(40), reader text, author uuid, team_id int, hidden boolean, indexed uuid, second uuid, partly uuid, ref uuid);
			ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
			CREATE POLICY a ON public.t USING (user_id = auth.uid() AND NOT hidden);
			CREATE POLICY b ON public.t USING ((auth.jwt() ->> 'sub') = "Owner" OR (SELECT auth.jwt() ->> 'sub') = reader);
			CREATE POLICY c ON public.t FOR INSERT WITH CHECK (author = (SELECT auth.uid()));
			CREATE POLICY d ON public.t USING (EXISTS (SELECT 1 FROM public.members m WHERE m.team_id = t.team_id AND m.user_id = auth.uid()));
			CREATE POLICY e ON public.t USING (second = auth.uid() AND partly = auth.uid());
			CREATE INDEX ON public.t (id, second);
			CREATE INDEX ON public.t (partly) WHERE NOT hidden;
			CREATE TABLE public.parts (id int, user_id uuid) PARTITION BY RANGE (id);
			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (2);
			ALTER TABLE public.parts ENABLE ROW LEVEL SECURITY;
			CREATE POLICY p ON public.parts USING (user_id = auth.uid());
			CREATE TABLE public.named (user_id uuid);
			ALTER TABLE public.named ENABLE ROW LEVEL SECURITY;
			CREATE POLICY p ON public.named USING (user_id = auth.uid());
			CREATE SEQUENCE public.named_user_id_idx;

			CREATE POLICY f ON public.t USING (indexed = auth.uid() OR ref = auth.uid());
			CREATE INDEX ON public.t (indexed, id);
			CREATE INDEX ON public.t (ref) WHERE ref IS NOT NULL;
			CREATE POLICY g ON public.t USING (id::text = auth.jwt() ->> 'sub' OR team_id = 5);
			CREATE POLICY h ON public.t USING ((SELECT auth.role()) = 'admin');
			CREATE TABLE public.good_parts (id int, user_id uuid) PARTITION BY RANGE (id);
			ALTER TABLE public.good_parts ENABLE ROW LEVEL SECURITY;
			CREATE POLICY p ON public.good_parts USING (user_id = auth.uid());
			CREATE INDEX ON public.good_parts (user_id);`,
		want: []string{
			"warning public.members.user_id", "warning public.named.user_id", "warning public.parts.user_id",
			`warning public.t."Owner"`, "warning public.t.author", "warning public.t.partly", "warning public.t.reader",
			"warning public.t.second", "warning public.t.user_id",
		},
	},
	{
		rule: "missing-fk-index",
		setup: `
			CREATE TABLE public.parent (id int PRIMARY KEY, a int, "B" int, UNIQUE (a, "B"));
			CREATE TABLE public.child (
			  id int PRIMARY KEY,
			  plain int CONSTRAINT plain REFERENCES public.parent,
			  "Quoted" int CONSTRAINT "Q k" REFERENCES public.parent,
			  a int, b int,
			  late int CONSTRAINT late REFERENCES public.parent,
			  partial int CONSTRAINT partial REFERENCES public.parent,
			  twice int CONSTRAINT twice_1 REFERENCES public.parent CONSTRAINT twice_2 REFERENCES public.parent,
			  good int REFERENCES public.parent, good_partial int REFERENCES public.parent, hashed int REFERENCES public.parent,
			  CONSTRAINT pair FOREIGN KEY (a, b) REFERENCES public.parent (a, "B"));
			CREATE INDEX ON public.child (id, late);
			CREATE INDEX ON public.child (partial) WHERE id > 5;
			CREATE TABLE public.parts (id int, parent int CONSTRAINT of_parts REFERENCES public.parent) PARTITION BY RANGE (id);
			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (2);

			CREATE INDEX ON public.child (good, id);
			CREATE INDEX ON public.child (good_partial) WHERE good_partial IS NOT NULL;
			CREATE INDEX ON public.child USING hash (hashed);
			CREATE TABLE public.extended (id int REFERENCES public.child (id), x int, y int, UNIQUE (y, x, id), FOREIGN KEY (x, y) REFERENCES public.parent (a, "B"));
			CREATE INDEX ON public.extended (id);
			CREATE TABLE system.ours (id int REFERENCES public.parent);`,
		want: []string{
			`warning public.child."Q k"`, "warning public.child.late", "warning public.child.pair", "warning public.child.partial",
			"warning public.child.plain", "warning public.child.twice_1", "warning public.parts.of_parts",
		},
	},
	{
		rule:   "unused-index",
		limits: advisor.Limits{UnusedIndexScans: 3},
		setup: `
			CREATE TABLE public.parent (id int PRIMARY KEY);
			CREATE TABLE public.t (id int PRIMARY KEY, a int, b int UNIQUE, c int, parent int REFERENCES public.parent);
			INSERT INTO public.t SELECT n, n, n, n FROM generate_series(1, 5000) n;
			CREATE INDEX "Unused" ON public.t (a);
			CREATE INDEX used ON public.t (c);
			CREATE INDEX of_key ON public.t (parent);
			CREATE TABLE public.unread (a int);
			INSERT INTO public.unread SELECT generate_series(1, 5000);
			CREATE INDEX ON public.unread (a);
			CREATE TABLE public.small (a int);
			CREATE INDEX ON public.small (a);
			CREATE TABLE public.parts (id int, a int) PARTITION BY RANGE (id);
			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (10000);
			INSERT INTO public.parts SELECT n, n FROM generate_series(1, 5000) n;
			CREATE INDEX ON public.parts (a);
			ANALYZE public.t;
			SET enable_bitmapscan = off;
			SET enable_seqscan = off;
			SELECT count(*) FROM public.t WHERE c = 7;
			SET enable_seqscan = on;
			SELECT count(*) FROM public.t; SELECT count(*) FROM public.t; SELECT count(*) FROM public.t;
			SELECT count(*) FROM public.small; SELECT count(*) FROM public.small; SELECT count(*) FROM public.small;
			SELECT count(*) FROM public.parts; SELECT count(*) FROM public.parts; SELECT count(*) FROM public.parts;
			SELECT pg_stat_force_next_flush();`,
		want: []string{`info public."Unused"`},
	},
	{
		rule: "duplicate-index",
		setup: `
			CREATE TABLE public.t (id int PRIMARY KEY, a int, b text, c int CONSTRAINT c_key UNIQUE, d int UNIQUE NULLS NOT DISTINCT);
			CREATE INDEX a_1 ON public.t (a);
			CREATE INDEX a_2 ON public.t (a);
			CREATE INDEX "like PK" ON public.t (id);
			CREATE UNIQUE INDEX c_unique ON public.t (c);
			CREATE INDEX lower_1 ON public.t (lower(b)) WHERE a > 0;
			CREATE INDEX lower_2 ON public.t (lower(b)) WHERE a > 0;
			ALTER TABLE public.t ADD CONSTRAINT id_again UNIQUE (id);
			CREATE TABLE public.parts (id int, a int) PARTITION BY RANGE (id);
			CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (1) TO (2);
			CREATE INDEX parts_1 ON public.parts (a);
			CREATE INDEX parts_2 ON public.parts (a);

			CREATE INDEX a_desc ON public.t (a DESC NULLS LAST);
			CREATE INDEX a_b ON public.t (a, b);
			CREATE INDEX a_covering ON public.t (a) INCLUDE (b);
			CREATE INDEX a_hash ON public.t USING hash (a);
			CREATE INDEX a_where ON public.t (a) WHERE a > 0;
			CREATE INDEX b_1 ON public.t (b);
			CREATE INDEX b_2 ON public.t (b text_pattern_ops);
			CREATE INDEX b_3 ON public.t (b COLLATE "C");
			CREATE TABLE public.two_keys (id int CONSTRAINT needed UNIQUE);
			CREATE TABLE public.refers (id int REFERENCES public.two_keys (id), other int);
			ALTER TABLE public.two_keys ADD PRIMARY KEY (id);
			CREATE UNIQUE INDEX other_1 ON public.refers (other);
			ALTER TABLE public.refers ADD CONSTRAINT other_2 UNIQUE (other) DEFERRABLE;`,
		want: []string{
			`warning public."like PK"`, "warning public.a_2", "warning public.c_unique",
			"warning public.id_again", "warning public.lower_2", "warning public.parts_2",
		},
	},
	{
		rule: "dead-tuples",
		setup: `
			CREATE TABLE public."Dead" (id int) WITH (autovacuum_enabled = off);
			INSERT INTO public."Dead" SELECT generate_series(1, 5000);
			DELETE FROM public."Dead" WHERE id > 1000;
			CREATE TABLE public.plenty (id int) WITH (autovacuum_enabled = off);
			INSERT INTO public.plenty SELECT generate_series(1, 5000);
			DELETE FROM public.plenty WHERE id > 3500;
			CREATE TABLE public.few (id int) WITH (autovacuum_enabled = off);
			INSERT INTO public.few SELECT generate_series(1, 900);
			DELETE FROM public.few;
			CREATE TABLE public.share (id int) WITH (autovacuum_enabled = off);
			INSERT INTO public.share SELECT generate_series(1, 20000);
			DELETE FROM public.share WHERE id <= 1500;
			SELECT pg_stat_force_next_flush();`,
		want: []string{"info public.plenty", `warning public."Dead"`},
	},
	{
		rule: "stale-statistics",
		setup: `
			CREATE TABLE public."Never" (id int) WITH (autovacuum_enabled = off);
			INSERT INTO public."Never" SELECT generate_series(1, 5000);
			CREATE TABLE public.old (id int) WITH (autovacuum_enabled = off);
			ANALYZE public.old;
			INSERT INTO public.old SELECT generate_series(1, 5000);
			CREATE TABLE public.fresh (id int) WITH (autovacuum_enabled = off);
			INSERT INTO public.fresh SELECT generate_series(1, 5000);
			SELECT pg_stat_force_next_flush();
			-- then
			ANALYZE public.fresh;
			CREATE TABLE public.small (id int) WITH (autovacuum_enabled = off);
			INSERT INTO public.small SELECT generate_series(1, 900);
			SELECT pg_stat_force_next_flush();`,
		want: []string{"info public.old", `warning public."Never"`},
	},
	{
		rule: "sequence-exhaustion",
		setup: `
			CREATE TABLE public.t (id serial PRIMARY KEY, "Other" int GENERATED ALWAYS AS IDENTITY, short smallint, ok serial);
			SELECT setval('public.t_id_seq', 2000000000), setval('public."t_Other_seq"', 1700000000), setval('public.t_ok_seq', 1000000);
			CREATE SEQUENCE public.narrow OWNED BY public.t.short;
			SELECT setval('public.narrow', 32000);
			CREATE SEQUENCE public.bounded MAXVALUE 100;
			SELECT setval('public.bounded', 80);

			CREATE SEQUENCE public.fresh MAXVALUE 2;
			CREATE SEQUENCE public.cyclic MAXVALUE 100 CYCLE;
			SELECT setval('public.cyclic', 100);
			CREATE SEQUENCE public.down INCREMENT -1 MINVALUE -10 MAXVALUE 100 START 100;
			CREATE SEQUENCE system.ours MAXVALUE 100;
			SELECT setval('system.ours', 99);`,
		want: []string{
			"critical public.narrow", "critical public.t_id_seq", `warning public."t_Other_seq"`, "warning public.bounded",
		},
	},
}

func TestEachRuleFindsItsProblemsAndItsSQLFixesThem(t *testing.T) {
	t.Parallel()
	for _, e := range examples {
		t.Run(e.rule, func(t *testing.T) {
			t.Parallel()
			p := start(t, advisor.Deps{Limits: e.limits})
			for part := range strings.SplitSeq(e.setup, "-- then") {
				p.exec(part)
			}
			issues := p.scan()
			if diff := cmp.Diff(e.want, of(issues, e.rule)); diff != "" {
				t.Fatalf("unexpected findings (-want +got):\n%s", diff)
			}
			for _, i := range issues {
				if i.RuleID == e.rule {
					if i.Title == "" || i.Description == "" || i.Category == "" {
						t.Errorf("got %+v, want an explanation", i)
					}
					p.exec(i.Recommendation)
				}
			}
			left := p.scan()
			if found := of(left, e.rule); found != nil {
				for _, i := range left {
					if i.RuleID == e.rule {
						t.Log(i.Recommendation)
					}
				}
				t.Errorf("after the suggested SQL, got %v, want nothing found", found)
			}
		})
	}
}

// The advisor judges views as Postgres treats them.
func TestViewsReadAsTheAdvisorBelieves(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	conn := p.connect()
	run(t, conn, `
		CREATE TABLE public.t (id int);
		INSERT INTO public.t VALUES (1);
		ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
		CREATE VIEW public.hidden AS SELECT id FROM public.t;
		REVOKE ALL ON public.hidden FROM anon, authenticated;
		CREATE VIEW public.of_hidden AS SELECT id FROM public.hidden;
		CREATE VIEW public.asks WITH (security_invoker = on) AS SELECT id FROM public.t;
		CREATE VIEW public.of_asks AS SELECT id FROM public.asks;
		CREATE MATERIALIZED VIEW public.stored_asks AS SELECT id FROM public.asks;
		SET ROLE anon`)
	for view, want := range map[string]int{"of_hidden": 1, "asks": 0, "of_asks": 0, "stored_asks": 1} {
		var rows int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM public.`+view).Scan(&rows); err != nil || rows != want {
			t.Errorf("%s: anon sees %d rows (%v), want %d", view, rows, err, want)
		}
	}
}

func TestEveryRuleHasAnExample(t *testing.T) {
	t.Parallel()
	tested := []string{ // in activity_test.go
		"connection-usage", "idle-in-transaction", "low-cache-hit-ratio", "long-running-query", "autovacuum-blocked", "slow-query",
	}
	for _, e := range examples {
		tested = append(tested, e.rule)
	}
	slices.Sort(tested)
	if diff := cmp.Diff(advisor.RuleIDs(), tested); diff != "" {
		t.Errorf("rules without an example, or the reverse (-rules +examples):\n%s", diff)
	}
}

func TestANewProjectHasNothingToComplainAbout(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	if issues := p.scan(); len(issues) > 0 {
		t.Errorf("got %+v, want no finding in what the product itself made", issues)
	}
}

func TestAnAdministratorMayRunTheSuggestedSQLOnTablesOfTheAPI(t *testing.T) {
	t.Parallel()
	p := start(t, advisor.Deps{})
	admin := p.connect()
	run(t, admin, `
		SET ROLE project_admin;
		CREATE TABLE public.open (id int);
		CREATE TABLE public.parent (id int PRIMARY KEY);
		ALTER TABLE public.parent ENABLE ROW LEVEL SECURITY;
		CREATE TABLE public.todos (id int, user_id uuid REFERENCES auth.users (id), parent int REFERENCES public.parent);
		ALTER TABLE public.todos ENABLE ROW LEVEL SECURITY;
		CREATE POLICY p ON public.todos USING (user_id = auth.uid());
		CREATE POLICY q ON public.todos FOR SELECT USING (true);
		CREATE VIEW public.v AS SELECT id FROM public.todos;
		CREATE FUNCTION public.f() RETURNS void LANGUAGE sql SECURITY DEFINER AS '';
		GRANT TRUNCATE ON public.todos TO anon;`)
	issues := p.scan()
	var rules []string
	for _, i := range issues {
		rules = append(rules, i.RuleID)
		run(t, admin, i.Recommendation)
	}
	slices.Sort(rules)
	want := []string{
		"dangerous-function", "definer-view", "missing-fk-index", "missing-fk-index", "missing-rls-index",
		"rls-disabled", "rls-no-policy", "rls-permissive", "rls-policy-perf", "unbounded-grant",
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("unexpected findings (-want +got):\n%s", diff)
	}
	// The table without an owner's column still needs its own policies.
	var left []string
	for _, i := range p.scan() {
		left = append(left, i.RuleID+" "+i.AffectedObject)
		run(t, admin, i.Recommendation)
	}
	if diff := cmp.Diff([]string{"rls-no-policy public.open"}, left); diff != "" {
		t.Errorf("unexpected findings after the suggested SQL (-want +got):\n%s", diff)
	}
	if last := p.scan(); len(last) > 0 {
		t.Errorf("got %+v, want nothing left", last)
	}
}
