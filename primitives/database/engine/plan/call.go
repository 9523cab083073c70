package plan

import (
	"maps"
	"slices"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// Function returns the overload that a request calls. Errors are PGRST202
// and PGRST203.
func Function(r *request.Request, s *schema.Snapshot) (*schema.Function, error) {
	b := builder{r: r, s: s}
	f, err := b.function(schema.Name{Schema: r.Schema, Name: r.Target.Name}, b.argumentNames())
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (b *builder) argumentNames() []string {
	if !b.r.ReadCall {
		return b.r.Payload.Keys
	}
	var names []string
	for _, a := range b.r.Query.Arguments {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// function chooses the overload whose parameters fit the arguments; without
// one, the function that takes the whole body as its only, unnamed parameter.
func (b *builder) function(n schema.Name, args []string) (*schema.Function, *request.Error) {
	single := b.r.Prefer.SingleObject
	isPost := !b.r.ReadCall
	var named, unnamed []*schema.Function
	for _, f := range b.s.Functions(n) {
		switch {
		case single && takesObject(f):
			named = append(named, f)
		case single:
		case b.fits(f, args):
			named = append(named, f)
		case isPost && takesBody(f, b.r.Content.Media):
			unnamed = append(unnamed, f)
		}
	}
	switch {
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1:
		return nil, ambiguousFunction(named)
	case len(unnamed) == 1:
		return unnamed[0], nil
	case len(unnamed) > 1:
		return nil, ambiguousFunction(unnamed)
	}
	if single {
		return nil, noObjectFunction(n)
	}
	return nil, noFunction(b.s, n, args, b.r.Content.Media, isPost)
}

func takesObject(f *schema.Function) bool {
	return len(f.Parameters) == 1 && (f.Parameters[0].Type == "json" || f.Parameters[0].Type == "jsonb")
}

func takesBody(f *schema.Function, m request.Media) bool {
	if len(f.Parameters) != 1 || f.Parameters[0].Name != "" {
		return false
	}
	switch f.Parameters[0].Type {
	case "json", "jsonb":
		return m == request.JSON
	case "text":
		return m == request.Text
	case "xml":
		return m == request.XML
	case "bytea":
		return m == request.OctetStream
	}
	return false
}

// fits reports whether args are all required parameters and any optional ones.
func (b *builder) fits(f *schema.Function, args []string) bool {
	if len(f.Parameters) == 0 {
		plainBody := !b.r.ReadCall && (b.r.Content.Media == request.OctetStream ||
			b.r.Content.Media == request.Text || b.r.Content.Media == request.XML)
		return len(args) == 0 && !plainBody
	}
	matched := 0
	for _, p := range f.Parameters {
		switch given := slices.Contains(args, p.Name); {
		case given:
			matched++
		case p.Required:
			return false
		}
	}
	return matched == len(args)
}

func (b *builder) call(n schema.Name) (*Call, *request.Error) {
	args := b.argumentNames()
	f, err := b.function(n, args)
	if err != nil {
		return nil, err
	}
	if prefer := &b.r.Prefer; prefer.HasMaxAffected && prefer.Strict() && !f.SetOf {
		return nil, rowsUncounted()
	}
	c := &Call{Function: f}
	for _, p := range f.Parameters {
		if slices.Contains(args, p.Name) || len(f.Parameters) == 1 && p.Name == "" {
			c.Params = append(c.Params, p)
		}
	}
	c.Positional = len(f.Parameters) == 1 && f.Parameters[0].Name == ""
	switch {
	case b.r.Prefer.SingleObject: // and so f takes one object
		c.Positional, c.Params = true, f.Parameters
		c.Body = b.singleObject()
		c.HasBody = c.Body != nil
	case b.r.ReadCall:
		c.IsDirect, c.Direct = true, directArguments(f, b.r.Query.Arguments)
	case b.r.Content.Media == request.Form:
		c.IsDirect, c.Direct = true, directArguments(f, b.r.Payload.Form)
	default:
		c.Body, c.HasBody = b.r.Payload.Raw, b.r.Payload.Raw != nil
	}
	return c, nil
}

// singleObject is the one argument of params=single-object: the body, or the
// members that the URL or a form gives, as text. The last of a name counts.
func (b *builder) singleObject() []byte {
	given := b.r.Payload.Form
	switch {
	case b.r.ReadCall:
		given = b.r.Query.Arguments
	case b.r.Content.Media != request.Form:
		return b.r.Payload.Raw
	}
	members := make(map[string]string, len(given))
	for _, a := range given {
		members[a.Name] = a.Value
	}
	out := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(request.AppendString(out, name), ':')
		out = request.AppendString(out, members[name])
	}
	return append(out, '}')
}

// directArguments gathers the values of each parameter: a variadic one takes
// all that were given, any other the last.
func directArguments(f *schema.Function, given []request.Argument) map[string]Argument {
	out := make(map[string]Argument, len(given))
	for _, a := range given {
		variadic := slices.ContainsFunc(f.Parameters, func(p schema.Parameter) bool { return p.Variadic && p.Name == a.Name })
		if !variadic {
			out[a.Name] = Argument{Value: a.Value}
			continue
		}
		had := out[a.Name]
		out[a.Name] = Argument{Variadic: true, Values: append(had.Values, a.Value)}
	}
	return out
}
