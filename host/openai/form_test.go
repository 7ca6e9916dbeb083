package openai

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

const formType = "multipart/form-data; boundary=XX"

// form writes "\n" as CRLF.
func form(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func field1(header, value string) string {
	return "--XX\nContent-Disposition: form-data; " + header + "\n\n" + value + "\n"
}

func TestFormModel(t *testing.T) {
	file := "--XX\ncontent-disposition: Form-Data; name=\"file\"; filename=\"a \\\"b\\\" --XX.wav\"\nContent-Type: audio/wav\n\n\x00\xff--XX\n--XY\nContent-Disposition: form-data; name=\"model\"\n\nno\n"
	for _, tt := range []struct {
		name, body, model string
		ok                bool
	}{
		{"alone", field1(`name="model"`, "whisper") + "--XX--\n", "whisper", true},
		{"no line end at the end", field1(`name="model"`, "whisper") + "--XX--", "whisper", true},
		{"a token", field1(`name=model`, "whisper") + "--XX--\n", "whisper", true},
		{"behind a file", file + field1(`name="model"`, "北京/x") + "--XX--\n", "北京/x", true},
		{"before a file", field1(`name="model"`, "w") + file + "--XX--\n", "w", true},
		{"more header lines", "--XX\nContent-Type: text/plain; charset=utf-8\nContent-Disposition: form-data;name=\"model\"\nContent-Transfer-Encoding: 8BIT\n\nw\n--XX--\n", "w", true},
		{"other names", field1(`name="Model"`, "a") + field1(`name="model "`, "b") + field1(`name=""`, "c") + "--XX--\n", "", false},
		{"none", field1(`name="x"`, "") + "--XX--\n", "", false},
		{"no field", "--XX--\n", "", false},
	} {
		model, ok, err := FormModel([]byte(formType), form(tt.body))
		if model != tt.model || ok != tt.ok || err != nil {
			t.Errorf("%s: %q, %v, %v", tt.name, model, ok, err)
		}
	}
}

func TestFormModelRefuses(t *testing.T) {
	good := field1(`name="model"`, "w") + "--XX--\n"
	for _, tt := range []struct{ name, contentType, body, reason string }{
		{"other type", "application/json", good, "not a valid multipart/form-data"},
		{"no boundary", "multipart/form-data", good, "no valid boundary"},
		{"two boundaries", formType + "; boundary=YY", good, "not a valid multipart/form-data"},
		{"long boundary", "multipart/form-data; boundary=" + strings.Repeat("x", 71), good, "no valid boundary"},
		{"boundary with a bad character", `multipart/form-data; boundary="X*"`, good, "no valid boundary"},
		{"boundary ending in space", `multipart/form-data; boundary="X "`, good, "no valid boundary"},
		{"empty", formType, "", "does not begin with its boundary"},
		{"preamble", formType, "hello\n" + good, "does not begin with its boundary"},
		{"leading line end", formType, "\n" + good, "does not begin with its boundary"},
		{"epilogue", formType, good + "more", "after a boundary"},
		{"longer boundary", formType, field1(`name="x"`, "1\n--XXX") + "--XX--\n", "after a boundary"},
		{"space after the boundary", formType, "--XX \nContent-Disposition: form-data; name=x\n\n\n--XX--\n", "after a boundary"},
		{"cut short", formType, field1(`name="model"`, "w"), "before its last boundary"},
		{"cut in the header", formType, "--XX\nContent-Dis", "does not end"},
		{"twice", formType, field1(`name="model"`, "w") + good, "second model field"},
		{"a file", formType, field1(`name="model"; filename="x"`, "w") + "--XX--\n", "model is a file"},
		{"a file of another alphabet", formType, field1(`name="model"; filename*=utf-8''x`, "w") + "--XX--\n", "model is a file"},
		{"encoded", formType, "--XX\nContent-Disposition: form-data; name=model\nContent-Transfer-Encoding: base64\n\ndw==\n--XX--\n", "Content-Transfer-Encoding"},
		{"empty model", formType, field1(`name="model"`, "") + "--XX--\n", "id is empty"},
		{"two lines", formType, field1(`name="model"`, "a\nb") + "--XX--\n", "control character"},
		{"not UTF-8", formType, field1(`name="model"`, "\xff") + "--XX--\n", "not UTF-8"},
		{"long", formType, field1(`name="model"`, strings.Repeat("x", 257)) + "--XX--\n", "longer than 256"},
		{"no name", formType, field1(`filename="x"`, "w") + "--XX--\n", "malformed Content-Disposition"},
		{"two names", formType, field1(`name="x"; name="model"`, "w") + "--XX--\n", "malformed Content-Disposition"},
		{"name of another alphabet", formType, field1(`name="x"; name*=utf-8''model`, "w") + "--XX--\n", "malformed Content-Disposition"},
		{"quote left open", formType, field1(`name="model`, "w") + "--XX--\n", "malformed Content-Disposition"},
		{"junk after a value", formType, field1(`name="x"y; a=b`, "w") + "--XX--\n", "malformed Content-Disposition"},
		{"attachment", formType, "--XX\nContent-Disposition: attachment; name=model\n\nw\n--XX--\n", "malformed Content-Disposition"},
		{"two dispositions", formType, "--XX\nContent-Disposition: form-data; name=x\nContent-Disposition: form-data; name=model\n\nw\n--XX--\n", "malformed Content-Disposition"},
		{"no disposition", formType, "--XX\nContent-Type: text/plain\n\nw\n--XX--\n", "without a Content-Disposition"},
		{"folded header", formType, "--XX\nContent-Disposition: form-data;\n name=model\n\nw\n--XX--\n", "malformed"},
		{"no value", formType, "--XX\nContent-Disposition: form-data; name=x\n\n--XX--\n", "without a value"},
		{"long header", formType, "--XX\nA: " + strings.Repeat("x", maxPartHeader) + "\n\n\n--XX--\n", "does not end within"},
		{"many fields", formType, strings.Repeat(field1("name=x", ""), maxParts+1) + "--XX--\n", "more than 1000 fields"},
	} {
		_, ok, err := FormModel([]byte(tt.contentType), form(tt.body))
		if err == nil || ok || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.reason)
		}
	}
	lf := []byte(field1(`name="model"`, "w") + "--XX--\n")
	if _, _, err := FormModel([]byte(formType), lf); err == nil {
		t.Error("a form with bare LF is accepted")
	}
}

func TestFormSetModel(t *testing.T) {
	other := field1(`name="x"`, "1") + "--XX--\n"
	for _, tt := range []struct{ body, want string }{
		{field1(`name="model"`, "w") + other, field1(`name="model"`, "new") + other},
		{other, field1(`name="model"`, "new") + other},
		{"--XX--", field1(`name="model"`, "new") + "--XX--"},
	} {
		got, err := FormSetModel([]byte(">"), []byte(formType), form(tt.body), "new")
		if err != nil || string(got) != ">"+string(form(tt.want)) {
			t.Errorf("%q, %v; want %q", got, err, tt.want)
		}
	}
	for _, model := range []string{"", "a\r\nb", "\x00", strings.Repeat("x", 257)} {
		if got, err := FormSetModel([]byte(">"), []byte(formType), form(other), model); err == nil || string(got) != ">" {
			t.Errorf("%q: %q, %v", model, got, err)
		}
	}
	if got, err := FormSetModel([]byte(">"), []byte(formType), nil, "m"); err == nil || string(got) != ">" {
		t.Errorf("no form: %q, %v", got, err)
	}
}

func TestFormStream(t *testing.T) {
	for value, want := range map[string]bool{
		"true": true, "True": true, "1": true, "on": true, "yes": true, "Y": true, "t": true,
		"false": false, "0": false, "": false, "truetrue": false, "no": false,
	} {
		if got := FormStream([]byte(formType), form(field1(`name="stream"`, value)+"--XX--\n")); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	if FormStream([]byte(formType), form("--XX--")) || FormStream([]byte("text/plain"), form("--XX--")) {
		t.Error("a stream without a field")
	}
}

// What the standard library writes is read, and what is written it can read.
func TestFormOfStandardLibrary(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("file", `a"\b.wav`)
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("\r\n--\x00"), 1000)
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	for _, kv := range [][2]string{{"model", "whisper-1"}, {"stream", "true"}} {
		if err := w.WriteField(kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	contentType := []byte(w.FormDataContentType())
	if model, ok, err := FormModel(contentType, b.Bytes()); model != "whisper-1" || !ok || err != nil {
		t.Errorf("%q, %v, %v", model, ok, err)
	}
	if !FormStream(contentType, b.Bytes()) {
		t.Error("no stream")
	}
	changed, err := FormSetModel(nil, contentType, b.Bytes(), "other")
	if want := strings.Replace(b.String(), "whisper-1", "other", 1); err != nil || string(changed) != want {
		t.Errorf("%v; differs elsewhere", err)
	}
}

// models reads all "model" fields of a form with the standard library.
func models(contentType string, body []byte) (values []string, err error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		if p.FormName() == "model" {
			value, err := io.ReadAll(p)
			if err != nil {
				return nil, err
			}
			values = append(values, string(value))
		}
	}
}

// A form that is accepted means the same to another reader.
func FuzzForm(f *testing.F) {
	f.Add("multipart/form-data; boundary=XX", form(field1(`name="model"`, "w")+"--XX--\n"))
	f.Add("multipart/form-data; boundary=XX", form(field1(`name="x"; filename="y"`, "\n--X")+field1(`name=model`, "w")+"--XX--"))
	f.Add(`multipart/form-data; boundary="a b"`, form("--a b--\n"))
	f.Add("multipart/form-data; boundary=XX", form(field1(`name="mo\del"`, "w")+field1(`name="\"model"`, "w")+"--XX--\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		model, ok, err := FormModel([]byte(contentType), body)
		changed, setErr := FormSetModel(nil, []byte(contentType), body, "the new one")
		if (err == nil) != (setErr == nil) && ok {
			t.Fatalf("%q: %v, but set: %v", body, err, setErr)
		}
		FormStream([]byte(contentType), body)
		if err != nil {
			return
		}
		for _, form := range []struct {
			body []byte
			want []string
		}{{body, map[bool][]string{true: {model}}[ok]}, {changed, []string{"the new one"}}} {
			got, err := models(contentType, form.body)
			if err != nil {
				t.Fatalf("%q: refused by mime/multipart: %v", form.body, err)
			}
			if fmt.Sprint(got) != fmt.Sprint(form.want) {
				t.Fatalf("%q: %q, mime/multipart finds %q", form.body, form.want, got)
			}
		}
	})
}
