package config

// Limits bound what one request may send.
type Limits struct {
	JSONBody, FormBody ByteSize
	// File bounds the files of imports and bulk upserts.
	File ByteSize
}

func (l *Limits) settings() []Setting {
	const size = "a size such as 100mb"
	return []Setting{
		{Name: "MAX_JSON_BODY_SIZE", Default: "100mb", value: parsed(&l.JSONBody, size),
			Description: "the largest JSON body of a request"},
		{Name: "MAX_URLENCODED_BODY_SIZE", Default: "10mb", value: parsed(&l.FormBody, size),
			Description: "the largest form of a request"},
		{Name: "MAX_FILE_SIZE", Default: "50mb", value: parsed(&l.File, size),
			Description: "the largest file of an import or a bulk upsert"},
	}
}

// Validate implements node.
func (l *Limits) Validate() error { return nil }
