package schema

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Config is what a snapshot is loaded for.
type Config struct {
	// Schemas are the exposed schemas.
	Schemas []string
	// ExtraSearchPath are further schemas whose views are looked through.
	ExtraSearchPath []string
	// Hoisted names the settings of functions that apply to the whole
	// transaction.
	Hoisted []string
}

// Load reads a snapshot in one transaction.
func Load(ctx context.Context, conn *pgx.Conn, c Config) (*Snapshot, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("load schema: %w", err)
	}
	// The transaction only reads: how it ends does not matter.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	l := loader{tx: tx, config: c, texts: map[string]string{}, snapshot: &Snapshot{
		Schemas:   slices.Clone(c.Schemas),
		tables:    map[Name]*Table{},
		relations: map[relationKey][]Relationship{},
		functions: map[Name][]*Function{},
		casts:     map[[2]string]string{},
		handlers:  map[handlerKey]Handler{},
		timezones: map[string]struct{}{},
		roles:     map[string]RoleSettings{},
		plain:     map[uint32]bool{},
	}}
	// With an empty search path, Postgres prints every type qualified.
	const settings = `SELECT set_config('search_path', '', true), set_config('statement_timeout', '0', true),
	current_setting('server_version_num')::int`
	var ignored string
	if err := tx.QueryRow(ctx, settings).Scan(&ignored, &ignored, &l.snapshot.Version); err != nil {
		return nil, fmt.Errorf("load schema: %w", err)
	}
	steps := []struct {
		what string
		load func(context.Context) error
	}{
		{"types", l.types}, {"tables", l.tables}, {"columns", l.columns}, {"keys", l.keys},
		{"views", l.views}, {"relationships", l.relationships}, {"computed relationships", l.computed},
		{"functions", l.functions}, {"casts", l.casts}, {"media types", l.media},
		{"time zones", l.timezones}, {"role settings", l.roles}, {"settings in use", l.uses},
	}
	for _, s := range steps {
		if err := s.load(ctx); err != nil {
			return nil, fmt.Errorf("load schema: %s: %w", s.what, err)
		}
	}
	return l.snapshot, nil
}

type loader struct {
	tx       pgx.Tx
	config   Config
	snapshot *Snapshot
	steps    int

	typeByOID map[uint32]baseType
	tableOf   map[uint32]*Table
	details   map[uint32][]columnDetail // in the order of the table's Columns
	texts     map[string]string
	relation  map[uint32]Name // every relation that a key or view names
	attribute map[uint32]map[int16]string
	// defaultsWithSettings are the defaults that read a setting.
	defaultsWithSettings []string

	primary  []key
	foreign  []foreignKey
	viewKeys []viewKey
	rels     []Relationship
}

type baseType struct {
	name  string
	base  uint32
	plain bool
	enum  []string
}

func (l *loader) types(ctx context.Context) error {
	const q = `
SELECT t.oid, t.typname, t.typbasetype, n.nspname = 'pg_catalog' OR NOT EXISTS (
	SELECT FROM pg_catalog.pg_cast c
	WHERE c.castsource = t.oid AND c.casttarget = 'json'::pg_catalog.regtype AND c.castmethod = 'f'
), e.labels
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN (
	SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) AS labels
	FROM pg_catalog.pg_enum
	GROUP BY enumtypid
) e ON e.enumtypid = t.oid
WHERE t.typtype IN ('b', 'd', 'e', 'r', 'm') AND t.typcategory <> 'A'`
	l.typeByOID = map[uint32]baseType{}
	var oid uint32
	var t baseType
	_, err := l.each(ctx, q, nil, []any{&oid, &t.name, &t.base, &t.plain, &t.enum}, func() error {
		l.typeByOID[oid] = t
		t.enum = nil
		return nil
	})
	for oid := range l.typeByOID {
		if base, ok := l.resolve(oid); ok && base.plain && oid >= firstUserOID {
			l.snapshot.plain[oid] = true
		}
	}
	return err
}

// firstUserOID is the first object identifier that initdb does not use.
const firstUserOID = 16384

// resolve follows domains to their base type. ok is false for arrays and
// composites, which are not in the list.
func (l *loader) resolve(oid uint32) (baseType, bool) {
	t, ok := l.typeByOID[oid]
	for range 32 {
		if !ok || t.base == 0 {
			break
		}
		t, ok = l.typeByOID[t.base]
	}
	return t, ok
}

func (l *loader) each(ctx context.Context, q string, args []any, into []any, f func() error) (int64, error) {
	rows, err := l.tx.Query(ctx, q, args...)
	if err != nil {
		return 0, err
	}
	tag, err := pgx.ForEachRow(rows, into, func() error {
		l.yield()
		return f()
	})
	return tag.RowsAffected(), err
}

// yieldEvery is some 20 µs of loading.
const yieldEvery = 32

// yield is called for each thing that is loaded. It lets requests go first,
// which would otherwise wait for the end of a time slice, 10 ms, and again
// after the next thing that they wait for.
func (l *loader) yield() {
	if l.steps++; l.steps%yieldEvery == 0 {
		runtime.Gosched()
	}
}

func (l *loader) tables(ctx context.Context) error {
	const q = `
SELECT c.oid, n.nspname, c.relname, coalesce(d.description, ''),
	CASE WHEN c.relkind IN ('r', 'p') THEN 28
	     WHEN c.relkind IN ('v', 'f') THEN pg_catalog.pg_relation_is_updatable(c.oid, true)
	     ELSE 0 END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_description d
	ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition AND n.nspname = ANY ($1)`
	// Bits of pg_relation_is_updatable: 1 << CmdType.
	const canUpdate, canInsert, canDelete = 1 << 2, 1 << 3, 1 << 4
	l.tableOf = map[uint32]*Table{}
	var oid uint32
	var t Table
	var can int
	_, err := l.each(ctx, q, []any{l.config.Schemas},
		[]any{&oid, &t.Name.Schema, &t.Name.Name, &t.Description, &can}, func() error {
			made := t
			made.Insertable = can&canInsert != 0
			made.Updatable = can&canUpdate != 0
			made.Deletable = can&canDelete != 0
			made.oid = oid
			l.tableOf[oid] = &made
			l.snapshot.tables[made.Name] = &made
			return nil
		})
	return err
}

func (l *loader) timezones(ctx context.Context) error {
	var name string
	_, err := l.each(ctx, `SELECT name FROM pg_catalog.pg_timezone_names`, nil, []any{&name}, func() error {
		l.snapshot.timezones[name] = struct{}{}
		return nil
	})
	return err
}

func (l *loader) casts(ctx context.Context) error {
	const q = `
SELECT pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL),
	c.castfunc::pg_catalog.regproc::text
FROM pg_catalog.pg_cast c
JOIN pg_catalog.pg_type s ON s.oid = c.castsource
JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
WHERE c.castcontext = 'i' AND c.castmethod = 'f'
	AND pg_catalog.has_function_privilege(c.castfunc, 'execute')
	AND (s.typtype = 'd' AND t.oid IN ('json'::pg_catalog.regtype, 'text'::pg_catalog.regtype)
		OR t.typtype = 'd' AND s.oid IN ('json'::pg_catalog.regtype, 'text'::pg_catalog.regtype))`
	var from, to, function string
	_, err := l.each(ctx, q, nil, []any{&from, &to, &function}, func() error {
		l.snapshot.casts[[2]string{from, to}] = function
		return nil
	})
	return err
}

func (l *loader) media(ctx context.Context) error {
	const q = `
WITH media AS (
	SELECT oid, lower(typname) AS name, typnamespace,
		CASE typname WHEN '*/*' THEN 'application/octet-stream' ELSE typname::text END AS answer
	FROM pg_catalog.pg_type
	WHERE typbasetype <> 0 AND (typname ~* '^[A-Za-z0-9.-]+/[A-Za-z0-9.\+-]+$' OR typname = '*/*')
)
SELECT pn.nspname, p.proname, tn.nspname, t.typname, m.name, m.answer, false
FROM media m
JOIN pg_catalog.pg_proc p ON p.prorettype = m.oid AND p.prokind = 'a' AND p.pronargs = 1
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
WHERE pn.nspname = ANY ($1) AND (t.typname = 'anyelement' OR EXISTS (
	SELECT FROM pg_catalog.pg_class c WHERE c.reltype = t.oid AND c.relkind IN ('r', 'v', 'm', 'f', 'p')))
UNION
SELECT mn.nspname, m.name, pn.nspname, p.proname, m.name, m.answer, true
FROM media m
JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace
JOIN pg_catalog.pg_proc p ON p.prorettype = m.oid AND p.prokind = 'f' AND NOT p.proretset
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
WHERE pn.nspname = ANY ($1)`
	var h Handler
	var media string
	_, err := l.each(ctx, q, []any{l.config.Schemas}, []any{
		&h.Function.Schema, &h.Function.Name, &h.Target.Schema, &h.Target.Name, &media, &h.Media, &h.Cast,
	}, func() error {
		made := h
		if made.Target.Name == "anyelement" {
			made.Target = Name{}
		}
		l.snapshot.handlers[handlerKey{made.Target, media}] = made
		return nil
	})
	return err
}

// roles reads the settings of the roles that the login may become. Those a
// user cannot set are left out, since set_config would fail.
func (l *loader) roles(ctx context.Context) error {
	settable := `ps.context = 'user'`
	if l.snapshot.Version >= 150000 {
		settable = `(ps.context = 'user' OR pg_catalog.has_parameter_privilege(current_user, ps.name, 'set'))`
	}
	q := `
SELECT r.rolname, split_part(s, '=', 1), substr(s, strpos(s, '=') + 1)
FROM pg_catalog.pg_roles r
CROSS JOIN unnest(r.rolconfig) s
JOIN pg_catalog.pg_settings ps ON ps.name = split_part(s, '=', 1)
WHERE pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER') AND r.rolname <> current_user AND ` + settable + `
ORDER BY 1, 2`
	var role string
	var s Setting
	_, err := l.each(ctx, q, nil, []any{&role, &s.Name, &s.Value}, func() error {
		all := l.snapshot.roles[role]
		if s.Name == "default_transaction_isolation" {
			all.Isolation = strings.ToUpper(s.Value)
		} else {
			all.Settings = append(all.Settings, s)
		}
		l.snapshot.roles[role] = all
		return nil
	})
	return err
}

// uses looks through the code in the database for the settings it reads, so
// that a request need not set what no code reads. Code that asks for a
// setting by anything but a constant counts as reading all. Expressions are
// printed only if their tree has a call that matters.
func (l *loader) uses(ctx context.Context) error {
	const q = `
WITH calls AS (
	SELECT array_agg('%:funcid ' || oid || ' %') AS any_of
	FROM pg_catalog.pg_proc
	WHERE pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND proname IN ('current_setting', 'pg_show_all_settings')
), code AS (
	SELECT p.prosrc || coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), '') AS text
	FROM pg_catalog.pg_proc p
	WHERE p.pronamespace NOT IN ('pg_catalog'::pg_catalog.regnamespace, 'information_schema'::pg_catalog.regnamespace)
	UNION ALL
	SELECT coalesce(pg_catalog.pg_get_expr(polqual, polrelid), '') || coalesce(pg_catalog.pg_get_expr(polwithcheck, polrelid), '')
	FROM pg_catalog.pg_policy, calls
	WHERE concat(polqual::text, polwithcheck::text) LIKE ANY (calls.any_of || '%{SUBLINK %'::text)
	UNION ALL
	SELECT pg_catalog.pg_get_expr(conbin, conrelid)
	FROM pg_catalog.pg_constraint, calls
	WHERE conbin::text LIKE ANY (calls.any_of)
	UNION ALL
	SELECT pg_catalog.pg_get_viewdef(c.oid)
	FROM pg_catalog.pg_class c
	JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1'
	CROSS JOIN calls
	WHERE c.relkind = 'v'
		AND c.relnamespace NOT IN ('pg_catalog'::pg_catalog.regnamespace, 'information_schema'::pg_catalog.regnamespace)
		AND r.ev_action::text LIKE ANY (calls.any_of || ('%:relid ' || 'pg_catalog.pg_settings'::pg_catalog.regclass::oid || ' %'))
	UNION ALL
	SELECT unnest($1::text[])
), settings AS (
	SELECT text FROM code WHERE text ILIKE '%current_setting%' OR text ILIKE '%pg_settings%'
		OR text ILIKE '%show%request.%' OR text ILIKE '%response.%'
), flags AS (
	SELECT text, text ILIKE '%pg_settings%' OR
		regexp_replace(text, 'current_setting\s*\(\s*''+[^'']*''+\s*(::\s*text)?\s*[,)]', '', 'gi') ILIKE '%current_setting%' AS any_name
	FROM settings
)
SELECT coalesce(bool_or(any_name OR text ILIKE '%request.method%'), false),
	coalesce(bool_or(any_name OR text ILIKE '%request.path%'), false),
	coalesce(bool_or(any_name OR text ILIKE '%request.header%'), false),
	coalesce(bool_or(any_name OR text ILIKE '%request.cookie%'), false),
	coalesce(bool_or(text ILIKE '%response.%'), false)
FROM flags`
	u := &l.snapshot.Uses
	sql := q
	if l.snapshot.Version < 140000 {
		sql = strings.Replace(q, "coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), '')", "''", 1)
	}
	return l.tx.QueryRow(ctx, sql, l.defaultsWithSettings).Scan(&u.Method, &u.Path, &u.Headers, &u.Cookies, &u.Response)
}
