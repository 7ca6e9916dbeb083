package service

import (
	"encoding/binary"
	"time"
)

// transcribe answers /audio/transcriptions and /audio/translations.
func (x *exchange) transcribe() error {
	if x.req.form == nil {
		return invalid("file", "file: field required, in a multipart form.")
	}
	audio, ok := x.req.files["file"]
	if !ok {
		return invalid("file", "file: field required.")
	}
	text := generation{tokens: generate(x.req.model, string(audio), x.svc.cfg.Seed, x.svc.cfg.Tokens)}.text()
	return x.reply(map[string]any{
		"text": text, "usage": map[string]any{"type": "duration", "seconds": 1 + len(audio)/32000},
	}, x.svc.cfg.Tokens)
}

// speechRate is the sampling rate of /audio/speech, in Hz; 16 bits, one channel.
const speechRate = 16000

// speech streams a WAV file of about as many seconds as the text is long.
func (x *exchange) speech() error {
	texts, err := x.req.texts("input")
	if err != nil {
		return err
	}
	if err := x.sleep(x.svc.cfg.FirstToken); err != nil {
		return err
	}
	st := x.open("audio/wav")
	chunks := 1 + countTokens(texts[0])
	if err := st.piece(wavHead(chunks * 1600 * 2)); err != nil {
		return err
	}
	tone := make([]byte, 1600*2) // a tenth of a second of a 200 Hz triangle
	for i := range 1600 {
		ramp := i % 80
		if ramp > 40 {
			ramp = 80 - ramp
		}
		binary.LittleEndian.PutUint16(tone[2*i:], uint16(int16(ramp*200-4000)))
	}
	for range chunks {
		if err := st.token(); err != nil {
			return err
		}
		if err := st.piece(tone); err != nil {
			return err
		}
	}
	return nil
}

func wavHead(dataBytes int) []byte {
	le := binary.LittleEndian
	b := append([]byte(nil), "RIFF"...)
	b = le.AppendUint32(b, uint32(36+dataBytes))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // PCM
	b = le.AppendUint16(b, 1) // channels
	b = le.AppendUint32(b, speechRate)
	b = le.AppendUint32(b, speechRate*2)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(dataBytes))
}

// pixel is a PNG image of one grey pixel.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="

// images answers /images/generations (JSON) and /images/edits (a form).
func (x *exchange) images() error {
	if x.req.form != nil {
		if _, ok := x.req.files["image"]; !ok {
			return invalid("image", "image: field required.")
		}
	} else if _, err := x.req.texts("prompt"); err != nil {
		return err
	}
	data := make([]any, x.req.n)
	for i := range data {
		data[i] = map[string]any{"b64_json": pixel}
	}
	return x.reply(map[string]any{"created": time.Now().Unix(), "data": data}, x.svc.cfg.Tokens)
}
