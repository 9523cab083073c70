package transfer

import (
	"cmp"
	"context"
	"slices"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// object is an object of schema public that one CREATE makes: a type, a
// function, a sequence, a table or a view.
type object struct {
	class, oid uint32 // as in pg_depend
	kind       kind
	name       string // bare
	sql        string // qualified and quoted; of functions with arguments

	needs []need
}

// kind orders objects that do not depend on each other.
type kind int

const (
	kindType kind = iota
	kindSequence
	kindFunction
	kindTable
	kindView
)

// need is one object's dependency on another.
type need struct {
	on  *object
	how bond
	// what is the column default or constraint that a soft need belongs to.
	what uint32
}

// bond says when the other object must exist.
type bond string

const (
	hard bond = "hard" // before
	soft bond = "soft" // before the default or check that uses it, which can come later
	late bond = "late" // at any time before the end
)

// membersQuery lists which object each row of the catalog belongs to. Members
// of an extension are left out, since the extension makes them.
const membersQuery = `
	WITH own AS (
	  SELECT 'pg_class'::regclass::oid AS class, c.oid, c.relkind::text AS relkind, c.reltype, c.relname::text AS name
	    FROM pg_class c
	   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
	), own_type AS (
	  SELECT 'pg_type'::regclass::oid AS class, t.oid, t.typarray, t.typrelid, t.typname::text AS name
	    FROM pg_type t
	    LEFT JOIN pg_class c ON c.oid = t.typrelid
	   WHERE t.typnamespace = 'public'::regnamespace AND (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c')
	), identity AS (
	  SELECT d.objid AS sequence, d.refobjid AS relation
	    FROM pg_depend d
	   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i' AND d.refobjsubid > 0
	), constructor AS ( -- functions that come with a range type
	  SELECT d.objid AS function, d.refobjid AS type
	    FROM pg_depend d
	   WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_type'::regclass AND d.deptype = 'i'
	), extended AS (
	  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
	), member AS (
	  SELECT class, oid AS id, class AS to_class, oid AS to_id, 'hard' AS how, 0::oid AS what, relkind
	    FROM own WHERE oid NOT IN (SELECT sequence FROM identity)
	  UNION ALL SELECT own.class, own.oid, own.class, i.relation, 'hard', 0, NULL FROM own JOIN identity i ON i.sequence = own.oid
	  UNION ALL SELECT 'pg_type'::regclass, own.reltype, own.class, own.oid, 'hard', 0, NULL FROM own WHERE reltype <> 0
	  UNION ALL SELECT 'pg_type'::regclass, t.typarray, own.class, own.oid, 'hard', 0, NULL FROM own JOIN pg_type t ON t.oid = own.reltype
	  UNION ALL SELECT class, oid, class, oid, 'hard', 0, 'type' FROM own_type
	  UNION ALL SELECT class, typarray, class, oid, 'hard', 0, NULL FROM own_type
	  UNION ALL SELECT 'pg_class'::regclass, typrelid, class, oid, 'hard', 0, NULL FROM own_type WHERE typrelid <> 0
	  UNION ALL SELECT t.class, r.rngmultitypid, t.class, t.oid, 'hard', 0, NULL FROM own_type t JOIN pg_range r ON r.rngtypid = t.oid
	  UNION ALL SELECT 'pg_proc'::regclass, p.oid, 'pg_proc'::regclass, p.oid, 'hard', 0, 'function'
	              FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.oid NOT IN (SELECT function FROM constructor)
	  UNION ALL SELECT 'pg_proc'::regclass, k.function, t.class, t.oid, 'hard', 0, NULL FROM constructor k JOIN own_type t ON t.oid = k.type
	  UNION ALL SELECT 'pg_rewrite'::regclass, w.oid, own.class, own.oid, CASE w.rulename WHEN '_RETURN' THEN 'hard' ELSE 'late' END, 0, NULL
	              FROM pg_rewrite w JOIN own ON own.oid = w.ev_class
	  UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, own.class, own.oid, CASE a.attgenerated WHEN '' THEN 'soft' ELSE 'hard' END, d.oid, NULL
	              FROM pg_attrdef d JOIN own ON own.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
	  UNION ALL SELECT 'pg_constraint'::regclass, c.oid, own.class, own.oid, CASE c.contype WHEN 'c' THEN 'soft' ELSE 'late' END, c.oid, NULL
	              FROM pg_constraint c JOIN own ON own.oid = c.conrelid WHERE c.contype <> 'f'
	  UNION ALL SELECT 'pg_constraint'::regclass, c.oid, t.class, t.oid, 'hard', 0, NULL
	              FROM pg_constraint c JOIN own_type t ON t.oid = c.contypid
	  UNION ALL SELECT 'pg_policy'::regclass, p.oid, own.class, own.oid, 'late', 0, NULL FROM pg_policy p JOIN own ON own.oid = p.polrelid
	  UNION ALL SELECT 'pg_trigger'::regclass, g.oid, own.class, own.oid, 'late', 0, NULL
	              FROM pg_trigger g JOIN own ON own.oid = g.tgrelid WHERE NOT g.tgisinternal
	  UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, own.class, own.oid, 'late', 0, NULL FROM pg_index i JOIN own ON own.oid = i.indrelid
	)`

const objectsQuery = membersQuery + `
	SELECT m.class, m.id,
	       CASE m.relkind WHEN 'type' THEN 0 WHEN 'S' THEN 1 WHEN 'function' THEN 2 WHEN 'r' THEN 3 WHEN 'p' THEN 3 ELSE 4 END,
	       coalesce(c.relname, t.typname, p.proname)::text,
	       CASE WHEN p.oid IS NOT NULL THEN p.oid::regprocedure::text
	            WHEN t.oid IS NOT NULL THEN t.oid::regtype::text
	            ELSE c.oid::regclass::text END
	  FROM member m
	  LEFT JOIN pg_class c ON m.class = 'pg_class'::regclass AND c.oid = m.id
	  LEFT JOIN pg_type t ON m.class = 'pg_type'::regclass AND t.oid = m.id
	  LEFT JOIN pg_proc p ON m.class = 'pg_proc'::regclass AND p.oid = m.id
	 WHERE m.relkind IS NOT NULL
	   AND (m.class, m.id) NOT IN (SELECT classid, objid FROM extended)`

// needsQuery lists the dependencies between objects. A sequence that a column
// owns depends on its table in the catalog, but can be made before it. A
// partitioned table is useless without its partitions.
const needsQuery = membersQuery + `
	SELECT DISTINCT f.to_class, f.to_id, CASE WHEN d.deptype = 'a' AND f.relkind = 'S' THEN '' ELSE f.how END, f.what, t.to_class, t.to_id
	  FROM pg_depend d
	  JOIN member f ON f.class = d.classid AND f.id = d.objid
	  JOIN member t ON t.class = d.refclassid AND t.id = d.refobjid
	 WHERE d.deptype IN ('n', 'a', 'i')
	   AND (f.to_class, f.to_id) <> (t.to_class, t.to_id)
	UNION
	SELECT 'pg_class'::regclass::oid, i.inhparent, 'late', 0, 'pg_class'::regclass::oid, i.inhrelid
	  FROM pg_inherits i
	  JOIN pg_class c ON c.oid = i.inhrelid
	 WHERE c.relispartition`

// extensionsQuery lists which extensions the objects use, and the schemas of
// these extensions.
const extensionsQuery = membersQuery + `
	SELECT DISTINCT m.to_class, m.to_id, e.extname::text, n.nspname::text
	  FROM pg_depend d
	  JOIN member m ON m.class = d.classid AND m.id = d.objid
	  JOIN pg_depend x ON x.classid = d.refclassid AND x.objid = d.refobjid AND x.deptype = 'e'
	  JOIN pg_extension e ON e.oid = x.refobjid
	  JOIN pg_namespace n ON n.oid = e.extnamespace
	 WHERE e.extname <> 'plpgsql'`

// objectKey identifies an object in the catalog.
type objectKey struct{ class, oid uint32 }

// extension is an extension that an object uses.
type extension struct{ name, schema string }

// graph is everything in schema public, with its dependencies.
type graph struct {
	objects    map[objectKey]*object
	extensions map[objectKey][]extension
}

func loadGraph(ctx context.Context, tx pg.Tx) (graph, error) {
	g := graph{objects: map[objectKey]*object{}, extensions: map[objectKey][]extension{}}
	var batch pgx.Batch
	batch.Queue(objectsQuery).Query(func(rows pgx.Rows) error {
		var o object
		_, err := pgx.ForEachRow(rows, []any{&o.class, &o.oid, &o.kind, &o.name, &o.sql}, func() error {
			found := o
			g.objects[objectKey{o.class, o.oid}] = &found
			return nil
		})
		return err
	})
	batch.Queue(needsQuery).Query(g.readNeeds)
	batch.Queue(extensionsQuery).Query(func(rows pgx.Rows) error {
		var k objectKey
		var e extension
		_, err := pgx.ForEachRow(rows, []any{&k.class, &k.oid, &e.name, &e.schema}, func() error {
			g.extensions[k] = append(g.extensions[k], e)
			return nil
		})
		return err
	})
	return g, tx.SendBatch(ctx, &batch).Close()
}

func (g graph) readNeeds(rows pgx.Rows) error {
	var from, to objectKey
	var how bond
	var what uint32
	_, err := pgx.ForEachRow(rows, []any{&from.class, &from.oid, &how, &what, &to.class, &to.oid}, func() error {
		f, t := g.objects[from], g.objects[to]
		if f == nil || t == nil {
			return nil // an extension makes it
		}
		if how == "" { // the owned sequence: the table is useless without it
			f, t, how = t, f, late
		}
		f.needs = append(f.needs, need{on: t, how: how, what: what})
		return nil
	})
	return err
}

// closure returns roots and everything they need.
func closure(roots []*object) []*object {
	seen := map[*object]bool{}
	var all []*object
	for queue := roots; len(queue) > 0; {
		o := queue[0]
		queue = queue[1:]
		if seen[o] {
			continue
		}
		seen[o] = true
		all = append(all, o)
		for _, n := range o.needs {
			queue = append(queue, n.on)
		}
	}
	return all
}

// arrange orders objects so that what an object needs comes before it.
// postponed are the defaults and checks that must be added later to make
// that possible. Objects that need each other in other ways are ordered by
// kind.
func arrange(objects []*object) (ordered []*object, postponed map[uint32]bool) {
	rest := slices.SortedFunc(slices.Values(objects), func(a, b *object) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.sql, b.sql), cmp.Compare(a.oid, b.oid))
	})
	done, postponed := map[*object]bool{}, map[uint32]bool{}
	ready := func(o *object, with func(need) bool) bool {
		return !slices.ContainsFunc(o.needs, func(n need) bool { return with(n) && !done[n.on] })
	}
	strict := func(n need) bool { return n.how != late && !postponed[n.what] }
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(o *object) bool { return ready(o, strict) })
		if i < 0 {
			i = max(0, slices.IndexFunc(rest, func(o *object) bool {
				return ready(o, func(n need) bool { return n.how == hard })
			}))
			for _, n := range rest[i].needs {
				if n.how == soft && !done[n.on] {
					postponed[n.what] = true
				}
			}
		}
		done[rest[i]] = true
		ordered = append(ordered, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return ordered, postponed
}
