package catalog

import (
	"context"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// Deps are what catalog needs from the rest of the product.
type Deps struct {
	DB *pg.DB
}

// Service reads Postgres's catalog. Its methods run as the caller in the
// context; the catalog itself is open to every role.
type Service struct{ db *pg.DB }

// New returns a Service.
func New(d Deps) *Service { return &Service{db: d.DB} }

// Schema is a schema of the project or of the product.
type Schema struct {
	Name naming.Name `json:"name"`
	// Protected reports whether the project's admin is kept from creating
	// objects in it.
	Protected bool `json:"isProtected"`
}

// Function is a function ("f"), procedure ("p") or window function ("w").
// Aggregates and what belongs to an extension are left out.
type Function struct {
	Name       naming.Name `json:"functionName"`
	Definition string      `json:"functionDef"`
	Kind       string      `json:"kind"`
}

// Index is an index of a table or materialized view whose name does not begin
// with an underscore.
type Index struct {
	Table      naming.Name `json:"tableName"`
	Name       naming.Name `json:"indexName"`
	Definition string      `json:"indexDef"`
	Unique     bool        `json:"isUnique"`
	Primary    bool        `json:"isPrimary"`
}

// Policy is a row-level security policy.
type Policy struct {
	Table   naming.Name `json:"tableName"`
	Name    naming.Name `json:"policyName"`
	Command string      `json:"cmd"`
	// Roles is an array as Postgres prints it: "{anon,authenticated}".
	Roles     string  `json:"roles"`
	Using     *string `json:"qual"`
	WithCheck *string `json:"withCheck"`
}

// Trigger is one of the events that fire a trigger.
type Trigger struct {
	Table       naming.Name `json:"tableName"`
	Name        naming.Name `json:"triggerName"`
	Timing      string      `json:"actionTiming"`
	Event       string      `json:"eventManipulation"`
	Orientation string      `json:"actionOrientation"`
	Condition   *string     `json:"actionCondition"`
	Statement   string      `json:"actionStatement"`
}

// Schemas returns all schemas but those of Postgres: public, then those that
// the project's admin may write, then the others.
func (s *Service) Schemas(ctx context.Context) ([]Schema, error) {
	return collect(ctx, s.db, pgx.RowToStructByPos[Schema], `
		SELECT nspname::text,
		       NOT has_schema_privilege('project_admin', oid, 'CREATE') AS protected
		  FROM pg_namespace
		 WHERE nspname !~ '^pg_'
		   AND nspname <> 'information_schema'
		 ORDER BY nspname <> 'public', protected, nspname`)
}

// Functions returns the functions of a schema by name and arguments.
func (s *Service) Functions(ctx context.Context, schema naming.Name) ([]Function, error) {
	return collect(ctx, s.db, pgx.RowToStructByPos[Function], `
		SELECT p.proname::text, pg_get_functiondef(p.oid), p.prokind::text
		  FROM pg_proc p
		  JOIN pg_namespace n ON n.oid = p.pronamespace
		 WHERE n.nspname = $1
		   AND p.prokind IN ('f', 'p', 'w')
		   AND NOT EXISTS (SELECT FROM pg_depend d
		                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
		 ORDER BY p.proname, pg_get_function_identity_arguments(p.oid)`, string(schema))
}

// Indexes returns the indexes of a schema by table and name.
func (s *Service) Indexes(ctx context.Context, schema naming.Name) ([]Index, error) {
	return collect(ctx, s.db, pgx.RowToStructByPos[Index], `
		SELECT t.relname::text, c.relname::text, pg_get_indexdef(c.oid), i.indisunique, i.indisprimary
		  FROM pg_index i
		  JOIN pg_class c ON c.oid = i.indexrelid
		  JOIN pg_class t ON t.oid = i.indrelid
		  JOIN pg_namespace n ON n.oid = t.relnamespace
		 WHERE n.nspname = $1
		   AND NOT starts_with(t.relname::text, '_')
		 ORDER BY t.relname, c.relname`, string(schema))
}

// Policies returns the policies of a schema by table and name.
func (s *Service) Policies(ctx context.Context, schema naming.Name) ([]Policy, error) {
	return collect(ctx, s.db, pgx.RowToStructByPos[Policy], `
		SELECT tablename::text, policyname::text, cmd, roles::text, qual, with_check
		  FROM pg_policies
		 WHERE schemaname = $1
		 ORDER BY tablename, policyname`, string(schema))
}

// Triggers returns the triggers of a schema by table and name, one for each
// event that fires them. Those that Postgres makes for constraints are left
// out.
func (s *Service) Triggers(ctx context.Context, schema naming.Name) ([]Trigger, error) {
	// Bits of tgtype: 1 row, 2 before, 4 insert, 8 delete, 16 update,
	// 32 truncate, 64 instead.
	return collect(ctx, s.db, scanTrigger, `
		SELECT c.relname::text, t.tgname::text,
		       CASE WHEN t.tgtype & 64 <> 0 THEN 'INSTEAD OF'
		            WHEN t.tgtype & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END,
		       e.name,
		       CASE WHEN t.tgtype & 1 <> 0 THEN 'ROW' ELSE 'STATEMENT' END,
		       pg_get_triggerdef(t.oid)
		  FROM pg_trigger t
		  JOIN pg_class c ON c.oid = t.tgrelid
		  JOIN pg_namespace n ON n.oid = c.relnamespace
		  JOIN (VALUES (4, 'INSERT'), (16, 'UPDATE'), (8, 'DELETE'), (32, 'TRUNCATE')) AS e (bit, name)
		    ON t.tgtype & e.bit <> 0
		 WHERE n.nspname = $1
		   AND NOT t.tgisinternal
		 ORDER BY c.relname, t.tgname, e.bit`, string(schema))
}

func scanTrigger(row pgx.CollectableRow) (t Trigger, err error) {
	var definition string
	err = row.Scan(&t.Table, &t.Name, &t.Timing, &t.Event, &t.Orientation, &definition)
	t.Condition, t.Statement = splitTrigger(definition)
	return t, err
}

func collect[T any](ctx context.Context, db *pg.DB, scan pgx.RowToFunc[T], sql string, args ...any) (found []T, err error) {
	err = db.As(ctx, func(tx pg.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scan)
		return err
	})
	return found, err
}
