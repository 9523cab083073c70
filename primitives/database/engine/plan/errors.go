package plan

import (
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// Missing reports whether err says that the snapshot lacks something, which a
// newer snapshot may have.
func Missing(err error) bool {
	e, ok := err.(*request.Error)
	if !ok {
		return false
	}
	switch e.Code {
	case "PGRST200", "PGRST201", "PGRST202", "PGRST203", "PGRST204", "PGRST205":
		return true
	}
	return false
}

// TableNotFound is PGRST205, with the name of the table that was probably meant.
func TableNotFound(s *schema.Snapshot, n schema.Name) *request.Error {
	// A lower score would reveal names to anyone who guesses, and comparing many
	// tables takes long.
	const leastScore, mostTables = 0.75, 500
	e := request.NewError(http.StatusNotFound, "PGRST205", "Could not find the table '"+n.String()+"' in the schema cache")
	var names []string
	s.Tables(func(t *schema.Table) {
		if t.Name.Schema == n.Schema {
			names = append(names, t.Name.Name)
		}
	})
	if len(names) >= mostTables {
		return e
	}
	slices.Sort(names)
	if best := closest(names, n.Name, leastScore); best != "" {
		return e.WithHint("Perhaps you meant the table '" + n.Schema + "." + best + "'")
	}
	return e
}

func aggregatesNotAllowed() *request.Error {
	return request.NewError(http.StatusBadRequest, "PGRST123", "Use of aggregate functions is not allowed")
}

func relatedOrderNotToOne(origin, target string) *request.Error {
	return request.NewError(http.StatusBadRequest, "PGRST118", "A related order on '"+target+"' is not possible").
		WithDetails("'" + origin + "' and '" + target + "' do not form a many-to-one or one-to-one relationship")
}

// aggregatesInArrays is an error of the releases that spread to-many embeds;
// until then PGRST119 refused those.
func aggregatesInArrays() *request.Error {
	return request.NewError(http.StatusBadRequest, "PGRST127", "Feature not implemented").
		WithDetails("Aggregates are not implemented for one-to-many or many-to-many spreads.")
}

// rowsUncounted is for max-affected on a function whose result does not show how
// many rows it affects.
func rowsUncounted() *request.Error {
	return request.NewError(http.StatusBadRequest, "PGRST128",
		"Function must return SETOF or TABLE when max-affected preference is used with handling=strict")
}

// MediaTypeError is PGRST107: nothing that is accepted can be produced.
func MediaTypeError(accept []request.MediaType) *request.Error {
	names := make([]string, len(accept))
	for i, m := range accept {
		names[i] = m.String()
	}
	return request.NewError(http.StatusNotAcceptable, "PGRST107",
		"None of these media types are available: "+strings.Join(names, ", "))
}

func invalidFilters() *request.Error {
	return request.NewError(http.StatusMethodNotAllowed, "PGRST105",
		"Filters must include all and only primary key columns with 'eq' operators")
}

func columnNotFound(table, column string) *request.Error {
	return request.NewError(http.StatusBadRequest, "PGRST204",
		"Could not find the '"+column+"' column of '"+table+"' in the schema cache")
}

func noRelation(s *schema.Snapshot, origin schema.Name, target, hint string) *request.Error {
	details := "Searched for a foreign key relationship between '" + origin.Name + "' and '" + target
	if hint != "" {
		details += "' using the hint '" + hint
	}
	e := request.NewError(http.StatusBadRequest, "PGRST200",
		"Could not find a relationship between '"+origin.Name+"' and '"+target+"' in the schema cache").
		WithDetails(details + "' in the schema '" + origin.Schema + "', but no matches were found.")
	if text := relationHint(s, origin, target); text != "" {
		return e.WithHint(text)
	}
	return e
}

func relationHint(s *schema.Snapshot, origin schema.Name, target string) string {
	var names []string
	rels, known := s.Relationships(origin, origin.Schema)
	if !known {
		s.Origins(origin.Schema, func(n schema.Name) { names = append(names, n.Name) })
		return perhaps(names, origin.Name)
	}
	for _, r := range rels {
		names = append(names, r.Foreign.Name)
	}
	return perhaps(names, target)
}

func perhaps(names []string, given string) string {
	slices.Sort(names)
	best := closest(names, given, usualScore)
	if best == "" || best == given {
		return ""
	}
	return "Perhaps you meant '" + best + "' instead of '" + given + "'."
}

func ambiguousRelation(origin, target string, rels []schema.Relationship) *request.Error {
	details := make([]map[string]string, len(rels))
	hints := make([]string, len(rels))
	for i, r := range rels {
		details[i] = describeRelation(r)
		by := r.Constraint
		if r.Junction != nil {
			by = r.Junction.Table.Name
		}
		hints[i] = "'" + r.Foreign.Name + "!" + by + "'"
	}
	return request.NewError(http.StatusMultipleChoices, "PGRST201",
		"Could not embed because more than one relationship was found for '"+origin+"' and '"+target+"'").
		WithDetails(details).
		WithHint("Try changing '" + target + "' to one of the following: " + strings.Join(hints, ", ") +
			". Find the desired relationship in the 'details' key.")
}

func describeRelation(r schema.Relationship) map[string]string {
	out := map[string]string{"embedding": r.Table.Name + " with " + r.Foreign.Name}
	list := func(pairs [][2]string, side int) string {
		names := make([]string, len(pairs))
		for i, p := range pairs {
			names[i] = p[side]
		}
		return "(" + strings.Join(names, ", ") + ")"
	}
	switch r.Cardinality {
	case schema.ManyToMany:
		j := r.Junction
		out["cardinality"] = "many-to-many"
		out["relationship"] = j.Table.Name + " using " + j.Constraint1 + list(j.Source, 1) + " and " + j.Constraint2 + list(j.Target, 1)
		return out
	case schema.ManyToOne:
		out["cardinality"] = "many-to-one"
	case schema.OneToOne:
		out["cardinality"] = "one-to-one"
	case schema.OneToMany:
		out["cardinality"] = "one-to-many"
	case schema.Computed:
		return map[string]string{}
	}
	out["relationship"] = r.Constraint + " using " + r.Table.Name + list(r.Columns, 0) + " and " + r.Foreign.Name + list(r.Columns, 1)
	return out
}

func noFunction(s *schema.Snapshot, n schema.Name, args []string, content request.Media, isPost bool) *request.Error {
	single := isPost && (content == request.Text || content == request.XML || content == request.OctetStream)
	names := strings.Join(args, ", ")
	message, searched := "Could not find the function "+n.String(), "Searched for the function "+n.String()
	parameters := " with parameter " + names
	if len(args) > 1 {
		parameters = " with parameters " + names
	}
	switch {
	case single:
	case len(args) == 0:
		message += " without parameters"
		parameters = " without parameters"
	default:
		message += "(" + names + ")"
	}
	switch {
	case isPost && content == request.Text:
		parameters = " with a single unnamed text parameter"
	case isPost && content == request.XML:
		parameters = " with a single unnamed xml parameter"
	case isPost && content == request.OctetStream:
		parameters = " with a single unnamed bytea parameter"
	case isPost && content == request.JSON:
		parameters += " or with a single unnamed json/jsonb parameter"
	}
	e := request.NewError(http.StatusNotFound, "PGRST202", message+" in the schema cache").
		WithDetails(searched + parameters + ", but no matches were found in the schema cache.")
	if hint := functionHint(s, n, args); hint != "" && !single {
		return e.WithHint("Perhaps you meant to call the function " + n.Schema + "." + hint)
	}
	return e
}

// noObjectFunction is noFunction for a call with params=single-object.
func noObjectFunction(n schema.Name) *request.Error {
	return request.NewError(http.StatusNotFound, "PGRST202", "Could not find the function "+n.String()+" in the schema cache").
		WithDetails("Searched for the function " + n.String() +
			" with a single json/jsonb parameter, but no matches were found in the schema cache.")
}

func functionHint(s *schema.Snapshot, n schema.Name, args []string) string {
	overloads := s.Functions(n)
	if len(overloads) == 0 {
		var names []string
		s.FunctionNames(func(f schema.Name) {
			if f.Schema == n.Schema {
				names = append(names, f.Name)
			}
		})
		slices.Sort(names)
		return closest(names, n.Name, usualScore)
	}
	signature := func(names []string) string {
		names = slices.Clone(names)
		slices.Sort(names)
		return "(" + strings.Join(names, ", ") + ")"
	}
	var all []string
	for _, f := range overloads {
		names := make([]string, len(f.Parameters))
		for i, p := range f.Parameters {
			names[i] = p.Name
		}
		all = append(all, signature(names))
	}
	if best := closest(all, signature(args), usualScore); best != "" {
		return n.Name + best
	}
	return ""
}

func ambiguousFunction(candidates []*schema.Function) *request.Error {
	texts := make([]string, len(candidates))
	for i, f := range candidates {
		args := make([]string, len(f.Parameters))
		for j, p := range f.Parameters {
			args[j] = p.Name + " => " + p.Type
		}
		texts[i] = f.Name.String() + "(" + strings.Join(args, ", ") + ")"
	}
	return request.NewError(http.StatusMultipleChoices, "PGRST203",
		"Could not choose the best candidate function between: "+strings.Join(texts, ", ")).
		WithHint("Try renaming the parameters or the function itself in the database so function overloading can be resolved")
}

// hasAlias refuses the name of an embed where its alias is wanted.
func hasAlias(name, alias string) *request.Error {
	e := request.NotEmbedded(name)
	e.Details = "Target names are not allowed in filters if they have an alias"
	e.Hint = "Change '" + name + "' to '" + alias + "' in filters, orders or limits."
	return e
}
