package plan

import (
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// SourceName is the common table expression that holds the rows of a
// mutation or a call.
const SourceName = "pgrst_source"

// ScalarName is the column that holds the value of a function.
const ScalarName = "pgrst_scalar"

// Field is a resolved column, or a path into one.
type Field struct {
	Name string
	Path []request.JSONStep
	// ToJSON reports whether the column is not JSON itself, so that a path needs
	// to_jsonb.
	ToJSON bool
	// Type is the column's declared type, empty when it is unknown.
	Type string
	// Transform is a cast function that renders or reads the value.
	Transform string
	// Default is the column's default expression.
	Default string
	// ToVector is set where a full-text search must make a tsvector of it first.
	ToVector bool
	// FullRow means the whole row, for count() in a spread.
	FullRow bool
}

// Select is one resolved column of a select list.
type Select struct {
	Field         Field
	Cast          string
	Aggregate     string
	AggregateCast string
	Alias         string
	// Lifted names the value that an ancestor aggregates, when a spread hands
	// up several of one name.
	Lifted string
}

// name is that of the column that a spread lifts to its parent.
func (s *Select) name() string {
	switch {
	case s.Lifted != "":
		return s.Lifted
	case s.Alias != "":
		return s.Alias
	}
	return s.Field.Name
}

// Filter is a resolved condition. With EmbedAlias set it asks whether the
// embed of that alias has rows; Op.Not then means not.is.null.
type Filter struct {
	Field      Field
	Op         request.Operation
	EmbedAlias string
}

// Logic is a node of a resolved condition tree.
type Logic struct {
	Filter   *Filter
	Not, Or  bool
	Children []Logic
}

// Order is one resolved term of an ordering. Relation is the alias of the
// embed whose column orders.
type Order struct {
	Relation  string
	Field     Field
	Direction string
	Nulls     string
}

// JoinColumn is a column of a relation in a join condition.
type JoinColumn struct {
	Relation schema.Name
	Column   string
}

// Join is an equality between two columns.
type Join struct{ Left, Right JoinColumn }

// EmbedMode is how an embed appears in its parent's row.
type EmbedMode uint8

// The ways in which an embed appears.
const (
	EmbedObject EmbedMode = iota
	EmbedArray
	EmbedSpread
)

// EmbedSelect is what a parent's select list takes from a child.
type EmbedSelect struct {
	Mode  EmbedMode
	Name  string
	Alias string
	// Empty reports whether the embed selects nothing and is left out.
	Empty bool
	// Spread are the child's columns that become the parent's. Many reports whether
	// there may be several rows: each column is the array of its values.
	Spread []SpreadSelect
	Many   bool
}

// SpreadSelect is one column that a spread lifts to its parent.
type SpreadSelect struct {
	Name          string
	Aggregate     string
	AggregateCast string
	Alias         string
}

// Read is one node of the tree of resources that are read.
type Read struct {
	Select []Select
	// From is what the node reads, Target the table behind it.
	From, Target schema.Name
	FromAlias    string
	Where        []Logic
	Order        []Order
	Range        request.Range

	// RelName, RelAlias, Hint and Join are what the select list said.
	RelName, RelAlias string
	Hint              string
	Join              request.JoinType
	// Relation leads from the parent to this node; nil at the root.
	Relation *schema.Relationship
	// ParentRef names the parent's row for a computed relationship.
	ParentRef string
	Joins     []Join
	// Alias names the node's subquery.
	Alias    string
	IsSpread bool
	// Embeds are what is taken from each of the Children.
	Embeds   []EmbedSelect
	Depth    int
	Children []*Read
}

// Name is what the node is called in the answer.
func (r *Read) Name() string {
	if r.RelAlias != "" {
		return r.RelAlias
	}
	return r.RelName
}

// MutationKind is the statement of a mutation.
type MutationKind uint8

// The mutations.
const (
	Insert MutationKind = iota
	Update
	Delete
)

// Mutation is a resolved write.
type Mutation struct {
	Kind    MutationKind
	Table   schema.Name
	Columns []Field
	// Body is the JSON payload, Object whether it is one object.
	Body   []byte
	Object bool
	// Values are the values of Columns as texts, nil for NULL. With them Body
	// is not needed; they are nil when only Postgres can take it apart.
	Values [][]byte
	Where  []Logic
	// Range and Order limit an update or delete.
	Range request.Range
	Order []Order
	// Returning are the columns that the rest of the statement needs; empty
	// when only the number of rows counts.
	Returning []string
	// OnConflict are the columns of an upsert, Merge whether it updates.
	Upsert     bool
	OnConflict []string
	Merge      bool
	// Put reports whether Where are conditions on the payload.
	Put      bool
	PK       []string
	Defaults bool
}

// CountsInserts reports whether the statement counts inserted rows apart from
// updated ones, which decides between 200 and 201.
func (m *Mutation) CountsInserts() bool {
	return m.Kind == Insert && (m.Put || m.Upsert && m.Merge)
}

// Call is a resolved function call.
type Call struct {
	Function *schema.Function
	// Params are the parameters that are given; Positional reports whether the one
	// parameter has no name and takes the body.
	Params     []schema.Parameter
	Positional bool
	// Body is the JSON object of the arguments, or the positional argument.
	Body    []byte
	HasBody bool
	// Direct are arguments given one by one, by URL or form.
	Direct    map[string]Argument
	IsDirect  bool
	Returning []string
}

// Argument is a direct argument: one value, or several for a variadic
// parameter.
type Argument struct {
	Value    string
	Values   []string
	Variadic bool
}

// Rendering is how the rows become the body.
type Rendering uint8

// The renderings.
const (
	RenderNothing Rendering = iota
	RenderJSON
	RenderStripped
	RenderObject
	RenderObjectStripped
	RenderCSV
	RenderGeoJSON
	RenderCustom
)

// Plan is everything that is to be done for a request.
type Plan struct {
	Kind     request.Kind
	Target   schema.Name
	Table    *schema.Table // nil when the snapshot does not have it
	Read     *Read
	Mutation *Mutation
	Call     *Call
	// Media is the media type of the answer.
	Media     request.MediaType
	Rendering Rendering
	Handler   schema.Handler
	// ReadOnly asks for a read-only transaction.
	ReadOnly bool
}

// Singular reports whether the answer is exactly one row or an error.
func (p *Plan) Singular() bool { return p.Media.Media == request.Object }
