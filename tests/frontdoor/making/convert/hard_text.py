"""Text that tokenizers disagree about, in several scripts."""

# ruff: noqa: RUF001  # look-alikes are what this is about
HARD_TEXTS = [
    "Hello, world!  Two spaces, a\ttab,\na line\n\n\nand three.   ",
    " leading space, I've, you'RE, we'll; O'Neill's don't",
    "3 33 333 3333 33333 3.14159 1,000,000 ٣٤٥ ४५६ ½ ² Ⅷ",
    "Zażółć gęślą jaźń. Straße, façade, naïve, Ångström, ĳ",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "我想在apple工作1314151天～ 東京都に住んでいます。カタカナ 한국어 문장입니다.",
    "مرحبا بالعالم، كيف حالك؟ שלום עולם. Ελληνικά: καλημέρα!",
    "नमस्ते दुनिया। สวัสดีชาวโลก កាន់តែពិសេស བོད་ཡིག",
    "🚀 (normal) 😶\u200d🌫️ (joined) 👩🏽\u200d💻 ✅ 🇫🇷 e\u0301 (combining) \u00a0nbsp\u3000wide",
    '------======= ```code``` <html></html> f(x)=x**2; // a_b-c {"k": [1, 2]}',
    "def main():\n    if x > 0:\n\t\treturn 'yes'\n\r\n    # comment\r\n",
    "''''''``````\"\"\"\"......!!!!!!?????? \\n \\u0041 \x7f \u200b ﷽",
]
