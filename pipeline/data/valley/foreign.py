"""Sentences in other languages, put together from parts that fit each other whatever is drawn."""

from __future__ import annotations

from random import Random

PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "de": (
        ("Der alte Müller", "Die junge Lehrerin", "Unser Nachbar", "Das kleine Mädchen", "Ein Fischer", "Die Bäuerin"),
        ("verkauft", "sucht", "malt", "findet", "zeigt", "trägt"),
        ("einen Korb voller Äpfel", "das Brot", "ein schönes Bild", "den schweren Sack", "die warme Decke", "ein Boot"),
        ("am Fluss", "hinter der Kirche", "auf dem Markt", "jeden Morgen", "in der Stadt", "vor dem Haus"),
    ),
    "fr": (
        ("Le vieux meunier", "La jeune fille", "Notre voisin", "Une vendeuse", "Le pêcheur", "Ma grand-mère"),
        ("vend", "cherche", "apporte", "trouve", "regarde", "garde"),
        ("un panier de pommes", "le pain frais", "une belle image", "le sac de farine", "les clés", "un petit bateau"),
        ("au bord de la rivière", "derrière l'église", "sur le marché", "chaque matin", "dans la ville", "devant lui"),
    ),
    "es": (
        ("El viejo molinero", "La maestra joven", "Nuestro vecino", "Una niña pequeña", "El pescador", "Mi abuela"),
        ("vende", "busca", "pinta", "encuentra", "lleva", "guarda"),
        ("una cesta de manzanas", "el pan fresco", "un cuadro hermoso", "el saco de harina", "las llaves", "un barco"),
        ("junto al río", "detrás de la iglesia", "en el mercado", "todas las mañanas", "en la ciudad", "con cuidado"),
    ),
    "nl": (
        ("De oude molenaar", "Het kleine meisje", "Onze buurman", "De jonge lerares", "Een visser", "Mijn grootmoeder"),
        ("verkoopt", "zoekt", "schildert", "vindt", "draagt", "bewaart"),
        ("een mand met appels", "het verse brood", "een mooie tekening", "de zware zak", "zijn sleutels", "een bootje"),
        ("bij de rivier", "achter de kerk", "op de markt", "elke ochtend", "in de stad", "voor het huis"),
    ),
    "pl": (
        ("Stary młynarz", "Młoda nauczycielka", "Nasz sąsiad", "Mała dziewczynka", "Rybak", "Moja babcia"),
        ("sprzedaje", "niesie", "maluje", "znajduje", "pokazuje", "kupuje"),
        ("kosz jabłek", "świeży chleb", "piękny obraz", "ciężki worek mąki", "ciepły koc", "mały dom"),
        ("nad rzeką", "za kościołem", "na rynku", "każdego ranka", "w mieście", "przed świętami"),
    ),
    "ru": (
        ("Старый мельник", "Молодая учительница", "Наш сосед", "Маленькая девочка", "Рыбак", "Моя бабушка"),
        ("продаёт", "ищет", "рисует", "находит", "показывает", "приносит"),
        ("корзину яблок", "свежий хлеб", "красивую картину", "тяжёлый мешок муки", "тёплое одеяло", "лодку"),
        ("у реки", "за церковью", "на рынке", "каждое утро", "в городе", "перед домом"),
    ),
}
"""Who does what to what, and where or when; by language (ISO 639-1)."""


def foreign_lines(language: str, draws: Random, count: int) -> tuple[str, ...]:
    """So many sentences of the language."""
    return tuple(
        " ".join(part[int(draws.random() * len(part))] for part in PARTS[language]) + "." for _ in range(count)
    )
