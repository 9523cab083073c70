package request

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Media names a media type without its parameters.
type Media string

// The media types that have a meaning here.
const (
	JSON        Media = "application/json"
	GeoJSON     Media = "application/geo+json"
	CSV         Media = "text/csv"
	Text        Media = "text/plain"
	XML         Media = "text/xml"
	OpenAPI     Media = "application/openapi+json"
	Form        Media = "application/x-www-form-urlencoded"
	OctetStream Media = "application/octet-stream"
	Any         Media = "*/*"
	// Object is exactly one row; ArrayStripped is JSON without nulls.
	Object        Media = "application/vnd.pgrst.object+json"
	ArrayStripped Media = "application/vnd.pgrst.array+json"
	Plan          Media = "application/vnd.pgrst.plan"
)

// MediaType is one media type with the parameters that count.
type MediaType struct {
	Media
	// StripNulls leaves out members that are null (Object, ArrayStripped).
	StripNulls bool
	// For, PlanJSON and PlanOptions belong to Plan.
	For         *MediaType
	PlanJSON    bool
	PlanOptions []string
}

// String is the media type as PostgREST prints it.
func (m MediaType) String() string {
	switch m.Media {
	case Object:
		if m.StripNulls {
			return string(m.Media) + ";nulls=stripped"
		}
	case ArrayStripped:
		return string(m.Media) + ";nulls=stripped"
	case Plan:
		return m.planString()
	}
	return string(m.Media)
}

func (m MediaType) planString() string {
	text := string(Plan) + "+text"
	if m.PlanJSON {
		text = string(Plan) + "+json"
	}
	text += `; for="` + m.For.String() + `"`
	if len(m.PlanOptions) > 0 {
		text += "; options=" + strings.Join(m.PlanOptions, "|")
	}
	return text
}

// ContentType is the Content-Type header of an answer in this media type.
func (m MediaType) ContentType() string {
	switch m.Media {
	case JSON:
		return "application/json; charset=utf-8"
	case GeoJSON, CSV, Text, XML, OpenAPI, Form, Any, Object, ArrayStripped, Plan:
		return m.String() + "; charset=utf-8"
	}
	return m.String()
}

// ParseMedia reads one media type with parameters. The case of names does not
// matter.
func ParseMedia(text string) MediaType {
	parts := splitOutsideQuotes(text, ';')
	parameters := map[string]string{}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		parameters[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	name := strings.TrimSpace(parts[0])
	stripped := parameters["nulls"] == "stripped"
	switch known := strings.ToLower(name); known {
	case "":
		return MediaType{Media: Any}
	case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
		return MediaType{Media: Object, StripNulls: stripped}
	case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
		if stripped {
			return MediaType{Media: ArrayStripped, StripNulls: true}
		}
		return MediaType{Media: JSON}
	case "application/vnd.pgrst.plan", "application/vnd.pgrst.plan+text":
		return parsePlan(parameters, false)
	case "application/vnd.pgrst.plan+json":
		return parsePlan(parameters, true)
	case string(JSON), string(GeoJSON), string(CSV), string(Text), string(XML), string(OpenAPI), string(Form), string(OctetStream):
		return MediaType{Media: Media(known)}
	}
	return MediaType{Media: Media(name)}
}

func parsePlan(parameters map[string]string, asJSON bool) MediaType {
	m := MediaType{Media: Plan, PlanJSON: asJSON, For: &MediaType{Media: JSON}}
	if text := parameters["for"]; text != "" {
		if inner := ParseMedia(text); inner.Media != Plan {
			m.For = &inner
		}
	}
	given := strings.Split(parameters["options"], "|")
	for _, option := range []string{"analyze", "verbose", "settings", "buffers", "wal"} {
		if slices.Contains(given, option) {
			m.PlanOptions = append(m.PlanOptions, option)
		}
	}
	return m
}

// parseAccept lists what the Accept header wants, best first; nothing given
// accepts anything. Of equal quality, the one with more parameters and fewer
// stars is the better one.
func parseAccept(header string) []MediaType {
	if header == "" || header == "*/*" {
		return []MediaType{{Media: Any}}
	}
	type weighted struct {
		MediaType
		quality  float64
		specific int
	}
	var all []weighted
	for _, part := range splitOutsideQuotes(strings.ReplaceAll(header, " ", ""), ',') {
		part, rest, _ := strings.Cut(part, ";q=")
		number, _, _ := strings.Cut(rest, ";")
		quality, err := strconv.ParseFloat(number, 64)
		if err != nil {
			quality = 1
		}
		all = append(all, weighted{ParseMedia(part), quality, strings.Count(part, ";") - strings.Count(part, "*")})
	}
	slices.SortStableFunc(all, func(a, b weighted) int {
		return cmp.Or(cmp.Compare(b.quality, a.quality), cmp.Compare(b.specific, a.specific))
	})
	out := make([]MediaType, len(all))
	for i, w := range all {
		out[i] = w.MediaType
	}
	return out
}

// splitOutsideQuotes splits at what is not inside double quotes.
func splitOutsideQuotes(s string, at byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == at && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
