package request

import (
	"slices"
	"strconv"
	"strings"
)

// Media names a media type without its parameters.
type Media string

// The media types with a meaning of their own.
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

// ParseMedia reads one media type with parameters.
func ParseMedia(text string) MediaType {
	name, rest, _ := strings.Cut(text, ";")
	parameters := strings.Split(rest, ";")
	for i := range parameters {
		parameters[i] = strings.TrimSpace(parameters[i])
	}
	stripped := len(parameters) == 1 && parameters[0] == "nulls=stripped"
	switch name = strings.TrimSpace(name); name {
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
	}
	return MediaType{Media: Media(name)}
}

func parsePlan(parameters []string, asJSON bool) MediaType {
	m := MediaType{Media: Plan, PlanJSON: asJSON, For: &MediaType{Media: JSON}}
	for _, p := range parameters {
		if text, ok := strings.CutPrefix(p, "for="); ok {
			inner := ParseMedia(strings.Trim(text, `"`))
			if inner.Media == Plan {
				inner = MediaType{Media: JSON}
			}
			m.For = &inner
		}
		if text, ok := strings.CutPrefix(p, "options="); ok {
			given := strings.Split(text, "|")
			for _, option := range []string{"analyze", "verbose", "settings", "buffers", "wal"} {
				if slices.Contains(given, option) {
					m.PlanOptions = append(m.PlanOptions, option)
				}
			}
		}
	}
	return m
}

// parseAccept lists what the Accept header wants, best first; nothing given
// accepts anything.
func parseAccept(header string) []MediaType {
	if header == "" || header == "*/*" {
		return []MediaType{{Media: Any}}
	}
	type weighted struct {
		MediaType
		quality float64
	}
	var all []weighted
	for _, part := range splitOutsideQuotes(header) {
		part = strings.TrimSpace(part)
		quality := 1.0
		if i := strings.LastIndex(part, ";q="); i >= 0 {
			if q, err := strconv.ParseFloat(strings.TrimSpace(part[i+3:]), 64); err == nil {
				part, quality = part[:i], q
			}
		}
		all = append(all, weighted{ParseMedia(part), quality})
	}
	slices.SortStableFunc(all, func(a, b weighted) int {
		switch {
		case a.quality > b.quality:
			return -1
		case a.quality < b.quality:
			return 1
		}
		return 0
	})
	out := make([]MediaType, len(all))
	for i, w := range all {
		out[i] = w.MediaType
	}
	return out
}

// splitOutsideQuotes splits at commas that are not inside double quotes.
func splitOutsideQuotes(s string) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
