# frozen_string_literal: true

require "test_helper"

class OrderTest < Minitest::Test
  def setup
    Order.delete_all
  end

  def test_an_order_is_open_until_it_is_paid
    order = Order.create!(number: "A-1")
    assert_equal [order], Order.open.to_a
    order.pay!
    assert_empty Order.open
  end

  def test_no_two_orders_have_one_number
    Order.create!(number: "A-1")
    refute_predicate Order.new(number: "A-1"), :valid?
  end

  def test_the_database_keeps_numbers_apart_as_well
    Order.create!(number: "A-1")
    assert_raises(ActiveRecord::RecordNotUnique) { Order.new(number: "A-1").save!(validate: false) }
  end
end
