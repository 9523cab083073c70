package schema

import (
	"regexp"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// Name is a qualified name. An empty Schema leaves it to the search path.
type Name struct{ Schema, Name string }

// String is schema.name, unquoted, for messages.
func (n Name) String() string { return n.Schema + "." + n.Name }

// Quoted is the name as SQL has it.
func (n Name) Quoted() string {
	if n.Schema == "" {
		return quote.Identifier(n.Name)
	}
	return quote.Identifier(n.Schema, n.Name)
}

func compareNames(a, b Name) int {
	if c := strings.Compare(a.Schema, b.Schema); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

// Column is one column of a table or view.
type Column struct {
	Name        string
	Description string
	Nullable    bool
	// Type is the type's name with domains resolved; Nominal is the declared
	// one, ready to be used in SQL.
	Type, Nominal string
	// MaxLength is the length limit of a character type, 0 without one.
	MaxLength int
	// Default is the default expression, empty without one.
	Default string
	// Enum are the labels of an enumerated type.
	Enum []string
	// Plain reports whether Go can write the value's JSON from its text.
	Plain bool
	// Textual reports whether the base type is text, varchar, char or citext.
	Textual bool
}

// Table is a table or view of an exposed schema.
type Table struct {
	Name        Name
	Description string
	// Insertable, Updatable and Deletable are what the table itself supports,
	// regardless of privileges.
	Insertable, Updatable, Deletable bool
	// PK are the primary key's columns in the table's order.
	PK      []string
	Columns []Column
	// AllPlain reports whether every column is Plain.
	AllPlain bool
	byName   map[string]int // nil when there are few columns
	oid      uint32
}

// OID identifies the table in the catalog.
func (t *Table) OID() uint32 { return t.oid }

// Column returns the column of that name, or nil. t may be nil.
func (t *Table) Column(name string) *Column {
	if t == nil {
		return nil
	}
	if t.byName != nil {
		if i, ok := t.byName[name]; ok {
			return &t.Columns[i]
		}
		return nil
	}
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// fewColumns are found faster by looking at each, and take less memory.
const fewColumns = 12

// index makes columns findable by name.
func (t *Table) index() {
	if len(t.Columns) <= fewColumns {
		return
	}
	t.byName = make(map[string]int, len(t.Columns))
	for i, c := range t.Columns {
		t.byName[c.Name] = i
	}
}

// Cardinality is a relationship's kind, in the order PostgREST sorts them.
type Cardinality uint8

// The cardinalities.
const (
	OneToMany Cardinality = iota
	ManyToOne
	OneToOne
	ManyToMany
	Computed
)

// Junction is the table between the two sides of a many-to-many.
type Junction struct {
	Table                    Name
	Constraint1, Constraint2 string
	// Source pairs columns of the relationship's table with the junction's,
	// Target those of the foreign table with the junction's.
	Source, Target [][2]string
}

// Relationship leads from Table to Foreign.
type Relationship struct {
	Table, Foreign Name
	Self           bool
	Cardinality    Cardinality
	Constraint     string
	// Columns pairs columns of Table with columns of Foreign.
	Columns                    [][2]string
	Junction                   *Junction
	TableIsView, ForeignIsView bool
	// Refers reports whether Table is the side that has the foreign key.
	Refers bool
	// Function and Single belong to Computed.
	Function Name
	Single   bool
}

// ToOne reports whether there is at most one foreign row.
func (r *Relationship) ToOne() bool {
	switch r.Cardinality {
	case ManyToOne, OneToOne:
		return true
	case Computed:
		return r.Single
	}
	return false
}

// Parameter is one input parameter of a function.
type Parameter struct {
	Name string
	// Type is the declared type; Wide is the one without a length limit,
	// which json_to_record must not apply.
	Type, Wide         string
	Required, Variadic bool
}

// Volatility is a function's volatility: 'i', 's' or 'v'.
type Volatility byte

// Function is a function of an exposed schema.
type Function struct {
	Name        Name
	Description string
	Parameters  []Parameter
	// Returns is the type of the result, or the table of its rows.
	Returns    Name
	SetOf      bool
	Composite  bool
	Volatility Volatility
	// Isolation and Settings apply to the whole transaction.
	Isolation string
	Settings  []Setting
	// oid orders functions that are otherwise alike.
	oid uint32
}

// OID identifies the function in the catalog.
func (f *Function) OID() uint32 { return f.oid }

// Setting is a configuration parameter.
type Setting struct{ Name, Value string }

// ReadOnly reports whether the function is stable or immutable.
func (f *Function) ReadOnly() bool { return f.Volatility != 'v' }

// Scalar reports whether the function returns one value, not a row or set.
func (f *Function) Scalar() bool { return !f.SetOf && !f.Composite }

// SetOfScalar reports whether it returns a set of values that are not rows.
func (f *Function) SetOfScalar() bool { return f.SetOf && !f.Composite }

// Void reports whether it returns nothing.
func (f *Function) Void() bool {
	return f.Scalar() && f.Returns == Name{"pg_catalog", "void"}
}

// TableName is the table whose rows it returns, or "".
func (f *Function) TableName() string {
	if f.Composite {
		return f.Returns.Name
	}
	return ""
}

// Handler is a function that renders a result in its own media type.
type Handler struct {
	Function Name
	// Target is the table whose rows it takes; the zero Name takes any.
	Target Name
	// Media is the media type of the answer.
	Media string
	// Cast reports whether Function is the type that a function returns, not an
	// aggregate of rows.
	Cast bool
}

type handlerKey struct {
	target Name
	media  string
}

// RoleSettings are the settings of a role that a session does not get by
// SET ROLE.
type RoleSettings struct {
	Isolation string
	Settings  []Setting
}

// Uses says which settings of the request the database's own code reads.
type Uses struct {
	Method, Path, Headers, Cookies bool
	// Response reports whether response.headers or response.status are set.
	Response bool
}

// Snapshot is one state of the schema. It must not be changed.
type Snapshot struct {
	// Serial numbers the snapshots of a Cache. What outlives a request
	// keeps the number: a snapshot can be large.
	Serial uint64
	// Schemas are the exposed schemas it was loaded for.
	Schemas []string
	Uses    Uses

	tables    map[Name]*Table
	relations map[relationKey][]Relationship
	functions map[Name][]*Function
	casts     map[[2]string]string
	handlers  map[handlerKey]Handler
	timezones map[string]struct{}
	roles     map[string]RoleSettings
	plain     map[uint32]bool
	// Version is the server's version number, such as 170004.
	Version int
}

type relationKey struct {
	origin Name
	schema string
}

// Table returns the table, or nil.
func (s *Snapshot) Table(n Name) *Table { return s.tables[n] }

// Tables calls f for every table, in no order.
func (s *Snapshot) Tables(f func(*Table)) {
	for _, t := range s.tables {
		f(t)
	}
}

// Relationships are those that lead from the table to tables of schema, in
// PostgREST's order. known is false when the table never had any, not even to
// hidden tables.
func (s *Snapshot) Relationships(origin Name, schema string) (all []Relationship, known bool) {
	all, known = s.relations[relationKey{origin, schema}]
	return all, known
}

// Origins calls f with every table that has relationships into schema.
func (s *Snapshot) Origins(schema string, f func(Name)) {
	for k := range s.relations {
		if k.schema == schema {
			f(k.origin)
		}
	}
}

// Functions are the overloads of a name, those with fewest parameters first.
func (s *Snapshot) Functions(n Name) []*Function { return s.functions[n] }

// AllFunctions calls f for every function, in no order.
func (s *Snapshot) AllFunctions(f func(*Function)) {
	for _, overloads := range s.functions {
		for _, o := range overloads {
			f(o)
		}
	}
}

// FunctionNames calls f with every function's name.
func (s *Snapshot) FunctionNames(f func(Name)) {
	for n := range s.functions {
		f(n)
	}
}

// Cast returns the function of an implicit cast from or to a domain, which is
// how values of that domain are read and written.
func (s *Snapshot) Cast(from, to string) (function string, ok bool) {
	function, ok = s.casts[[2]string{from, to}]
	return function, ok
}

// HasOutputCast reports whether a column of the table is rendered by a cast.
func (s *Snapshot) HasOutputCast(t *Table) bool {
	if t == nil || len(s.casts) == 0 {
		return false
	}
	return slices.ContainsFunc(t.Columns, func(c Column) bool {
		_, ok := s.Cast(c.Nominal, "json")
		return ok
	})
}

// Handler returns the handler of a media type for a table, or for any when
// target is the zero Name.
func (s *Snapshot) Handler(target Name, media string) (Handler, bool) {
	h, ok := s.handlers[handlerKey{target, strings.ToLower(media)}]
	return h, ok
}

// IsTimezone reports whether Postgres knows the time zone, by its name or as an
// offset such as -4 or +05:30.
func (s *Snapshot) IsTimezone(name string) bool {
	_, ok := s.timezones[name]
	return ok || offset.MatchString(name)
}

var offset = regexp.MustCompile(`^[+-]?\d{1,2}(:\d{2}){0,2}$`)

// Role returns the settings of a role.
func (s *Snapshot) Role(name string) RoleSettings { return s.roles[name] }

// IsPlain reports whether Go can write JSON from the text of a value of the
// type, which a user defined.
func (s *Snapshot) IsPlain(oid uint32) bool { return s.plain[oid] }
