package request

// JSONStep is one arrow of a JSON path.
type JSONStep struct {
	// Text is true for ->>.
	Text bool
	// Index is true when Key is an array index, with its sign.
	Index bool
	Key   string
}

// Field is a column, or a path into a JSON column. The name "*" is the whole
// row.
type Field struct {
	Name string
	Path []JSONStep
}

// ItemKind is what a select item asks for.
type ItemKind uint8

// The kinds of select items.
const (
	Column ItemKind = iota
	Embed
	Spread
)

// JoinType is an embed's !inner or !left.
type JoinType uint8

// The join types of embeds.
const (
	JoinDefault JoinType = iota
	JoinLeft
	JoinInner
)

// Item is one element of a select list.
type Item struct {
	Kind ItemKind
	// Alias renames a column or an embed.
	Alias string

	// Field, Cast, Aggregate and AggregateCast belong to columns.
	Field         Field
	Cast          string
	Aggregate     string // sum, avg, count, max, min or empty
	AggregateCast string

	// Relation, Hint, Join and Children belong to embeds and spreads.
	Relation string
	Hint     string
	Join     JoinType
	Children []Item
}

// OpKind is the family of a filter operator.
type OpKind uint8

// The families of filter operators.
const (
	OpSimple   OpKind = iota // Operator Value
	OpQuant                  // Operator [ANY|ALL] Value
	OpIn                     // = ANY Values
	OpIs                     // IS Value: NULL, NOT NULL, TRUE, FALSE, UNKNOWN
	OpDistinct               // IS DISTINCT FROM Value
	OpFullText               // @@ Operator(Language, Value)
	OpNone                   // no operator: an argument of a function
)

// Quantifier is any or all.
type Quantifier uint8

// The quantifiers.
const (
	QuantNone Quantifier = iota
	QuantAny
	QuantAll
)

// Operation is the right side of a filter.
type Operation struct {
	Not      bool
	Kind     OpKind
	Operator string // SQL operator, or the tsquery function
	Quant    Quantifier
	Value    string
	Values   []string
	Language string
}

// Filter is one condition on a field.
type Filter struct {
	Field Field
	Op    Operation
}

// Logic is a node of a condition tree: a filter, or a group of nodes.
type Logic struct {
	Filter   *Filter
	Not      bool
	Or       bool
	Children []Logic
}

// Order is one term of an ordering. Relation is set when it orders by a
// column of an embedded to-one resource.
type Order struct {
	Relation  string
	Field     Field
	Direction string // "", ASC, DESC
	Nulls     string // "", NULLS FIRST, NULLS LAST
}

// At is a part of the query that belongs to the embed at Path; an empty Path
// is the root.
type At[T any] struct {
	Path []string
	What T
}
