<?php
// Answers the tests' questions about PHP code, one line of JSON each: {"do": ..., ...} -> {"answer": ...}.
declare(strict_types=1);
$lib = __DIR__ . '/../../../local/images/wordpress/lib';
require "$lib/addresses.php";
require "$lib/stored_text.php";

function answer(array $question): string|bool
{
    $sources = $question['sources'] ?? [];
    $replace = fn(string $text): string => (new Addresses($question['own'], $sources))->replace($text);
    $text = base64_decode($question['text'] ?? '');
    return base64_encode(match ($question['do']) {
        'replace' => $replace($text),
        'map' => StoredText::map($text, $replace),
        'serialize' => serialize($question['value']),
        'serialize_changed' => serialize(changed($question['value'], $replace)),
        'evaluate' => eval("return $question[code];"),
        'readable' => @unserialize($text, ['allowed_classes' => false]) === false ? 'no' : 'yes',
    });
}

function changed(mixed $value, Closure $replace): mixed
{
    if (is_string($value)) {
        return $replace($value);
    }
    if (!is_array($value)) {
        return $value;
    }
    $new = [];
    foreach ($value as $key => $member) {
        $new[is_string($key) ? $replace($key) : $key] = changed($member, $replace);
    }
    return $new;
}

while (($line = fgets(STDIN)) !== false) {
    try {
        $said = ['answer' => answer(json_decode($line, true, 512, JSON_THROW_ON_ERROR))];
    } catch (Throwable $error) {
        $said = ['error' => $error->getMessage()];
    }
    echo json_encode($said), "\n";
    flush();
}
