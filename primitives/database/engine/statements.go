package engine

import (
	"container/list"
	"math/rand/v2"
	"slices"

	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxPrepared bounds the statements that one connection remembers.
const maxPrepared = 200

// statementsKey is where a connection keeps its statements.
const statementsKey = "insforge engine statements"

// statements are those that one connection has seen. A shape is prepared when
// it is seen a second time, so that one that never returns costs nothing.
// They are kept apart by role: a plan under row-level security belongs to the
// role it was made for, and is thrown away when another role uses it.
type statements struct {
	byKey map[statementKey]*list.Element
	order *list.List // most recently used first
	// prefix and next make names of statements. Behind a pooler, others may
	// prepare theirs in the same session.
	prefix string
	next   uint64
	// prologue is memory for the statement that begins each conversation.
	prologue settings
	// unnamed is set when what was prepared is not there the next time, as
	// behind a pooler in transaction mode. Nothing is prepared then.
	unnamed bool
}

type statementKey struct{ role, sql string }

type prepared struct {
	key  statementKey
	name string
	// description is nil until Postgres has accepted the statement.
	description *pgconn.StatementDescription
	columns     *columns // made when they are first asked for
}

// columns is how the rows of a prepared statement are fetched and written.
type columns struct {
	formats  []int16
	writer   *respond.RowWriter
	exact    bool
	snapshot uint64 // its serial number
	utc      bool
}

// results says in which formats the columns of an answer are wanted.
type results struct {
	formats []int16
	// rows, instead of formats, is set where RowWriter writes the rows: it
	// takes some types in binary form, once the statement is described. utc is
	// respond.ResultFormats's.
	rows *schema.Snapshot
	utc  bool
}

// columnsFor returns how to fetch and write the rows; the description is known.
func (p *prepared) columnsFor(want results) *columns {
	if c := p.columns; c != nil && c.snapshot == want.rows.Serial && c.utc == want.utc {
		return c
	}
	fields := slices.Clone(p.description.Fields)
	c := &columns{formats: respond.ResultFormats(fields, want.utc), snapshot: want.rows.Serial, utc: want.utc}
	for i := range fields {
		fields[i].Format = c.formats[i]
	}
	c.writer, c.exact = respond.NewRowWriter(fields, want.rows.IsPlain)
	p.columns = c
	return c
}

func statementsOf(conn *pgconn.PgConn) *statements {
	data := conn.CustomData()
	if s, ok := data[statementsKey].(*statements); ok {
		return s
	}
	s := &statements{
		byKey: map[statementKey]*list.Element{}, order: list.New(), prefix: "e" + formatUint(rand.Uint64()) + "_",
	}
	data[statementsKey] = s
	return s
}

// sent is a statement on its way, with what to do about its answer.
type sent struct {
	// prepared is the statement, nil when it is sent as text. preparing is set
	// when the answer begins with that of a Parse.
	prepared  *prepared
	preparing bool
	// columns is set when the rows come in its formats.
	columns *columns
	// dropped counts the answers to statements that were given up for it.
	dropped int
}

// send puts a statement into the pipeline, prepared if it has been seen.
func (s *statements) send(p *pgconn.Pipeline, role string, st sqlgen.Statement, want results) sent {
	if s.unnamed {
		p.SendQueryParams(st.SQL, st.Args, nil, nil, want.formats)
		return sent{}
	}
	key := statementKey{role, st.SQL}
	e, seen := s.byKey[key]
	if !seen {
		var out sent
		s.byKey[key] = s.order.PushFront(&prepared{key: key})
		if s.order.Len() > maxPrepared {
			out.dropped = s.evict(p)
		}
		p.SendQueryParams(st.SQL, st.Args, nil, nil, want.formats)
		return out
	}
	s.order.MoveToFront(e)
	entry := e.Value.(*prepared)
	if entry.description != nil {
		out := sent{prepared: entry}
		if want.rows != nil {
			out.columns = entry.columnsFor(want)
			want.formats = out.columns.formats
		}
		p.SendQueryStatement(entry.description, st.Args, nil, want.formats)
		return out
	}
	s.next++
	entry.name = s.prefix + formatUint(s.next)
	p.SendPrepare(entry.name, st.SQL, nil)
	p.SendQueryPrepared(entry.name, st.Args, nil, want.formats)
	return sent{prepared: entry, preparing: true}
}

func (s *statements) evict(p *pgconn.Pipeline) int {
	last := s.order.Back()
	entry := s.order.Remove(last).(*prepared)
	delete(s.byKey, entry.key)
	if entry.description == nil {
		return 0
	}
	p.SendDeallocate(entry.name)
	return 1
}

// forget drops all statements after one of them went stale.
func (s *statements) forget() {
	clear(s.byKey)
	s.order.Init()
}
