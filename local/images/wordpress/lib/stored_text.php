<?php
// Changes the texts inside a stored value and keeps the value what it is: plain text, JSON, or PHP's
// serialization, each inside the other at any depth.
//
// A serialized value is never turned into PHP values: its own format is walked and only the strings, with
// their lengths, are written anew. So no class is loaded, and what is not a string stays byte for byte.
declare(strict_types=1);

final class NotSerialized extends Exception
{
}

final class StoredText
{
    private int $at = 0;

    /** @param Closure(string): string $change what to do with plain text */
    private function __construct(private readonly string $text, private readonly Closure $change)
    {
    }

    /** @param Closure(string): string $change */
    public static function map(string $value, Closure $change): string
    {
        if (preg_match('/^\s*(?:[abdiOCEs]:|N;)/', $value) === 1) {
            try {
                return (new self($value, $change))->whole();
            } catch (NotSerialized) {
                // Only a text that begins like one, unless PHP reads what we cannot: then hands off.
                if (@unserialize(trim($value), ['allowed_classes' => false]) !== false) {
                    return $value;
                }
            }
        }
        if (preg_match('/^\s*[\[{"]/', $value) === 1 && json_decode($value) !== null) {
            return self::json($value, $change);
        }
        return $change($value);
    }

    /** @param Closure(string): string $change */
    private static function json(string $value, Closure $change): string
    {
        $string = '/"[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+"/s';
        return preg_replace_callback($string, function (array $found) use ($change): string {
            $text = json_decode($found[0]);
            $new = is_string($text) ? self::map($text, $change) : $text;
            if ($new === $text) {
                return $found[0];
            }
            $slashes = str_contains($found[0], '\/') ? 0 : JSON_UNESCAPED_SLASHES;
            $unicode = preg_match('/[^\x00-\x7f]/', $found[0]) === 1 ? JSON_UNESCAPED_UNICODE : 0;
            return json_encode($new, $slashes | $unicode | JSON_THROW_ON_ERROR);
        }, $value) ?? throw new RuntimeException('a JSON value could not be searched: ' . preg_last_error_msg());
    }

    private function whole(): string
    {
        $before = $this->take('/\s*/A');
        $new = $this->value();
        $after = $this->take('/\s*$/AD');
        return $before . $new . $after;
    }

    private function value(): string
    {
        return match ($this->text[$this->at] ?? '') {
            'N' => $this->take('/N;/A'),
            'b', 'i', 'd', 'r', 'R' => $this->take('/[bidrR]:[^;"{}]+;/A'),
            's' => $this->string(true) . $this->take('/;/A'),
            'E' => $this->take('/E:/A') . $this->quoted() . $this->take('/;/A'),
            'a' => $this->take('/a:(?=\d)/A') . $this->members(true),
            'O' => $this->take('/O:/A') . $this->quoted() . $this->take('/:/A') . $this->members(false),
            'C' => $this->custom(),
            default => throw new NotSerialized(),
        };
    }

    private function members(bool $keys_are_texts): string
    {
        $head = $this->take('/\d+:\{/A');
        $members = '';
        for ($left = (int) $head; $left > 0; $left--) {
            $members .= ($this->text[$this->at] ?? '') === 's'
                ? $this->string($keys_are_texts) . $this->take('/;/A')
                : $this->take('/i:-?\d+;/A');
            $members .= $this->value();
        }
        return $head . $members . $this->take('/\}/A');
    }

    private function string(bool $is_text): string
    {
        $this->take('/s:/A');
        $old = $this->counted('"', '"');
        $new = $is_text ? self::map($old, $this->change) : $old;
        return sprintf('s:%d:"%s"', strlen($new), $new);
    }

    /** A name that is not a text: of a class or an enum's case. */
    private function quoted(): string
    {
        $name = $this->counted('"', '"');
        return sprintf('%d:"%s"', strlen($name), $name);
    }

    /** An object that wrote itself: only its class knows the format, so it stays as it is. */
    private function custom(): string
    {
        $head = $this->take('/C:/A') . $this->quoted() . $this->take('/:/A');
        $body = $this->counted('{', '}');
        return sprintf('%s%d:{%s}', $head, strlen($body), $body);
    }

    /** The next `LENGTH:` and, between the marks, as many bytes. */
    private function counted(string $open, string $close): string
    {
        $length = (int) $this->take('/\d+:/A');
        $bytes = substr($this->text, $this->at + 1, $length);
        if (($this->text[$this->at] ?? '') !== $open || ($this->text[$this->at + 1 + $length] ?? '') !== $close) {
            throw new NotSerialized();
        }
        $this->at += $length + 2;
        return $bytes;
    }

    private function take(string $pattern): string
    {
        if (preg_match($pattern, $this->text, $found, 0, $this->at) !== 1) {
            throw new NotSerialized();
        }
        $this->at += strlen($found[0]);
        return $found[0];
    }
}
